/** One link, and more webhooks than a single run of it could take: Temporal refuses signals to a run after its 10,000th. */
import { randomBytes } from 'node:crypto';
import { Client } from '@temporalio/client';
import { workflowIdOf } from '../../src/contract/names';
import { connectTemporal } from '../../src/temporal/connection';
import { createDataConverter } from '../../src/temporal/data-converter';
import { parseKeyRing } from '../../src/temporal/key-ring';
import { LinkClient } from '../../src/temporal/link-client';
import { EMPLOYER } from '../support/link-world';
import { type Service, startService } from '../support/service';
import { historiesOf } from './support/run-chain';

jest.setTimeout(400_000);

const SIGNALS = 9_000;
/** In flight at once; more wait for each other in the server. */
const LANES = 60;

let service: Service;
let client: Client;
let links: LinkClient;

beforeAll(async () => {
  service = await startService();
  const { address, namespace } = service.temporal;
  const keyRing = parseKeyRing(service.env.ENCRYPTION_KEYS ?? '');
  const connection = await connectTemporal({
    connectConfig: { connectionOptions: { address } },
    lazy: false,
  });
  client = new Client({ connection, namespace, dataConverter: createDataConverter({ keyRing, namespace }) });
  links = new LinkClient({ client, keyRing, taskQueue: service.taskQueue, callTimeoutMs: 60_000 });
});

afterAll(async () => {
  await links?.close();
  await client?.connection.close();
  await service?.close();
});

it('takes 9,000 webhooks, half of them twice, and still finishes, with a bounded history', async () => {
  const { call, atomic } = service;
  const { userId } = await service.link({ jobs: [EMPLOYER] });
  expect((await call.job(userId, EMPLOYER, 60)).job().state).toBe('completed');
  const { runId: firstExecutionRunId } = (await call.get(userId)).link();

  const bodies = Array.from({ length: SIGNALS / 2 }, () => randomBytes(32).toString('hex'));
  const toSend = [...bodies, ...bodies];
  const outcomes: Record<string, number> = {};
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      for (let body = toSend.pop(); body !== undefined; body = toSend.pop()) {
        const outcome = await links.signalAtomicWebhook(userId, { job: EMPLOYER, bodySha256: body });
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
    }),
  );
  expect(outcomes).toEqual({ delivered: SIGNALS });

  // It still does what it is asked to, once it has worked off what it was sent: 503 until then.
  const asked = async () => (await call.runJob(userId, EMPLOYER)).status;
  let status = await asked();
  while (status === 503) status = await asked();
  expect(status).toBe(202);
  await call.linkWhen(userId, ({ state }) => state === 'linked');
  expect(atomic.ledger.effects('registration_stored', userId)).toHaveLength(2);
  expect((await call.unlink(userId, 60)).link().state).toBe('unlinked');
  expect(service.leftovers(userId)).toEqual([]);
  const histories = await historiesOf({ client }, { workflowId: workflowIdOf(userId), firstExecutionRunId });
  const events = histories.map(({ length }) => length);
  process.stderr.write(`${SIGNALS} signals: ${histories.length} runs of ${events.join(', ')} events\n`);
  expect(histories.length).toBeGreaterThan(1);
  expect(Math.max(...events)).toBeLessThan(10_000);
});
