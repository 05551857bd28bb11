import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Job } from '../../src/contract/jobs';
import { SEARCH_ATTRIBUTE_TYPES } from '../../src/contract/names';
import { type DevServer, startDevServer } from '../../src/dev-server/dev-server';
import { type Service, startService } from '../support/service';
import { temporalServer } from '../support/temporal';

jest.setTimeout(180_000);

const EMPLOYER = 'employer-classification';
const RECURRING = 'recurrence-detection';
const REFUSED_WITHIN_MS = 5_000;

let folder: string;
let server: DevServer;
let service: Service;

async function startTemporal(port?: number): Promise<DevServer> {
  return startDevServer({
    serverPath: await temporalServer(),
    dbFile: path.join(folder, 'temporal.db'),
    searchAttributes: SEARCH_ATTRIBUTE_TYPES,
    ...(port !== undefined && { port }),
  });
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'processor-link-temporal-'));
  server = await startTemporal();
  service = await startService({
    temporal: server,
    // Atomic stops after 90 seconds; here it tries as long, at a quicker pace.
    atomic: { webhookRetryDelaysMs: Array.from({ length: 90 }, () => 1_000) },
  });
});

afterAll(async () => {
  await service.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

it('refuses in time while Temporal is away, and goes on with every link once it is back', async () => {
  const { api, worker, call, plaid, atomic } = service;
  atomic.settings.jobDelayMs = 'manual';
  const { userId } = await service.link();
  await call.linkWhen(userId, ({ state }) => state === 'waiting');
  const port = Number(new URL(`tcp://${server.address}`).port);
  await server.stop();

  const options = { deadlineMs: REFUSED_WITHIN_MS };
  const { publicToken } = plaid.createPublicToken({ userId: 'away' });
  const refused = await Promise.all([
    call.start({ userId: 'away', publicToken, jobs: [EMPLOYER] }, options),
    call.get(userId, options),
    call.call('GET', '/v1/links', options),
    call.runJob(userId, EMPLOYER, options),
    call.job(userId, EMPLOYER, 0, options),
    call.job(userId, EMPLOYER, 60, options),
    call.unlink(userId, 0, options),
    call.unlink(userId, 60, options),
    call.call('POST', `/v1/links/${userId}/repaired`, options),
    call.call('POST', '/v1/link-tokens', { body: { userId, mode: 'update' }, ...options }),
    // Whether the user has an open link is for Temporal to say.
    call.call('POST', '/v1/link-tokens', { body: { userId }, ...options }),
    call.call('GET', '/readyz', options),
  ]);
  const alive = await call.call('GET', '/livez', options);

  for (const answer of refused) {
    expect([answer.status, answer.code()]).toEqual([503, 'temporal_unavailable']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(alive.status).toBe(200);

  // The first attempt is refused, for Atomic to send it again.
  const seq = atomic.ledger.lastSeq;
  await atomic.completeJob(userId, EMPLOYER);
  const sent = await atomic.ledger.waitForEffect('webhook_sent', {
    afterSeq: seq,
    userId,
    timeoutMs: 20_000,
  });
  expect(sent.details).toMatchObject({ status: 503 });

  server = await startTemporal(port);
  await Promise.all([api.ready(), worker.ready()]);
  // The first calls may still be refused, and are repeated.
  const hasCompleted = async (user: string, job: Job) =>
    (await call.linkWhen(user, ({ jobs }) => jobs[job]?.state === 'completed')).jobs[job];
  expect(await hasCompleted(userId, EMPLOYER)).toMatchObject({ via: 'webhook' });
  await atomic.completeJob(userId, RECURRING);
  await hasCompleted(userId, RECURRING);
  atomic.settings.jobDelayMs = 20;
  const next = await service.link({ jobs: [EMPLOYER] });
  await hasCompleted(next.userId, EMPLOYER);
  for (const user of [userId, next.userId]) {
    expect((await call.unlink(user, 60)).link().state).toBe('unlinked');
    expect(service.leftovers(user)).toEqual([]);
  }
});
