import { randomBytes } from 'node:crypto';
import { SIGNALS, workflowIdOf } from '../../src/contract/names';
import { EMPLOYER } from '../support/link-calls';
import { historiesOf } from '../support/run-chain';
import { useService } from '../support/service';

/** In flight at once: more than a link takes while its worker replays it. */
const LANES = 20;

/**
 * Declares the test: one link takes so many webhooks, half of them second deliveries, and still finishes. Temporal
 * suggests to continue as new after `historyEvents`, or at its own default on the server that all tests share.
 */
export function takesAFlood(
  title: string,
  { webhooks: count, historyEvents }: { webhooks: number; historyEvents?: number },
): void {
  const service = useService(historyEvents === undefined ? {} : { historyEvents });

  it(title, async () => {
    const { call, atomic, worker, client } = service;
    const links = service.linkClient();
    const { userId } = await service.link({ jobs: [EMPLOYER] });
    expect((await call.job(userId, EMPLOYER, 60)).job().state).toBe('completed');
    const { runId: firstExecutionRunId } = (await call.get(userId)).link();
    const handle = client.workflow.getHandle(workflowIdOf(userId));
    const webhooks = Array.from({ length: count / 2 }, () => ({
      job: EMPLOYER,
      bodySha256: randomBytes(32).toString('hex'),
    }));

    // All of them at once, for the worker that comes back to them.
    await worker.stop();
    await eachOf(webhooks, async (webhook) => {
      expect(await links.signalAtomicWebhook(userId, webhook)).toBe('delivered');
    });
    await worker.start();
    // And while it works, from somebody who does not wait as the link client does.
    await eachOf(webhooks, (webhook) => handle.signal(SIGNALS.atomicWebhook, webhook));

    // It still does what it is asked to, once it has worked off what it was sent: 503 until then.
    const asked = async () => (await call.runJob(userId, EMPLOYER)).status;
    let status = await asked();
    while (status === 503) status = await asked();
    expect(status).toBe(202);
    await call.linkWhen(userId, ({ state }) => state === 'linked');
    // One that was answered 503 may have been heard all the same.
    expect(atomic.ledger.effects('registration_stored', userId).length).toBeGreaterThanOrEqual(2);
    expect((await call.unlink(userId, 60)).link().state).toBe('unlinked');
    expect(service.leftovers(userId)).toEqual([]);
    const histories = await historiesOf(service, { workflowId: workflowIdOf(userId), firstExecutionRunId });
    const events = histories.map(({ length }) => length);
    process.stderr.write(`${count} signals: ${histories.length} runs of ${events.join(', ')} events\n`);
    expect(histories.length).toBeGreaterThan(1);
    expect(Math.max(...events)).toBeLessThan(10_000);
  }, 400_000);
}

async function eachOf<T>(items: readonly T[], send: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const lane = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await send(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
