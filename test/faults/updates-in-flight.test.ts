/** Temporal takes ten updates of one workflow at a time. However many callers there are, none may be turned away for good. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { Registry } from 'prom-client';
import type { Job } from '../../src/contract/jobs';
import { createApp } from '../../src/http/app';
import { connectTemporal } from '../../src/temporal/connection';
import { LinkClient } from '../../src/temporal/link-client';
import { expectProblem } from '../http/support/problem';
import { plaidSignal } from '../long-life/support/plaid-signal';
import {
  EMPLOYER,
  type Handle,
  type LinkWorld,
  RECURRING,
  startLinkWorld,
  viewWhen,
  webhook,
} from '../support/link-world';
import { realServer } from '../support/temporal';

jest.setTimeout(120_000);

const JOBS: readonly Job[] = [EMPLOYER, RECURRING];
const API_KEY = 'test-api-key-0123456789';
/** `history.maxInFlightUpdates` of the server. */
const TEMPORAL_LIMIT = 10;
const LINK_TOKEN = '/link/token/create';

let connection: Connection;
let nativeConnection: NativeConnection;
let world: LinkWorld;
let first: LinkClient;
let second: LinkClient;
let app: FastifyInstance;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const { address } = await realServer();
  connection = await connectTemporal({ connectConfig: { connectionOptions: { address } }, lazy: false });
  nativeConnection = await NativeConnection.connect({ address });
  world = await startLinkWorld({ connection, nativeConnection, providerTimeoutMs: 30_000 });
  const { client, keyRing, taskQueue } = world;
  const linkClient = () => new LinkClient({ client, keyRing, taskQueue });
  first = linkClient();
  second = linkClient();
  app = createApp({
    links: linkClient(),
    createLinkToken: async () => ({ linkToken: 'link-sandbox-new', expiration: '2030-01-01T04:00:00Z' }),
    publicUrl: 'https://links.example.com',
    apiKeys: () => [{ name: 'backend', key: API_KEY }],
    atomicWebhookSecrets: () => [],
    verifyPlaidWebhook: async () => ({ ok: true }),
    logger: false,
    metrics: new Registry(),
    limits: { maxEventLoopDelayMs: 0 },
  });
});

afterAll(async () => {
  await app?.close();
  await first?.close();
  await second?.close();
  await world?.close();
  await nativeConnection?.close();
  await connection?.close();
});

const waiters = (count: number, wait: () => Promise<unknown>) => Array.from({ length: count }, () => wait());
const getJob = async (userId: string, job: Job): Promise<unknown> => {
  const url = `/v1/links/${userId}/jobs/${job}?waitSeconds=60`;
  return (await app.inject({ url, headers: { authorization: `Bearer ${API_KEY}` } })).json();
};
const repairToken = (userId: string) =>
  app.inject({
    method: 'POST',
    url: '/v1/link-tokens',
    headers: { authorization: `Bearer ${API_KEY}` },
    payload: { userId, mode: 'update' },
  });

async function waitingLink(): Promise<{ handle: Handle; userId: string; itemId: string }> {
  const started = await world.start({ jobs: [...JOBS] });
  await viewWhen(started.handle, ({ jobs }) => JOBS.every((job) => jobs[job]?.state === 'registered'));
  return started;
}

async function acceptedUpdates(handle: Handle): Promise<number> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes).length;
}

/** Looks until it holds, with a pause between two looks. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + 60_000; !(await holds()); await delay(50)) {
    if (Date.now() > endMs) throw new Error('It did not come about.');
  }
}

it('takes one update a job for all who wait, over two clients and HTTP', async () => {
  const { handle, userId } = await waitingLink();
  const waits = JOBS.flatMap((job) => [
    ...waiters(20, () => first.waitForJob(userId, job, { waitMs: 60_000 })),
    ...waiters(20, () => second.waitForJob(userId, job, { waitMs: 60_000 })),
    ...waiters(20, () => getJob(userId, job)),
  ]);
  await until(async () => (await acceptedUpdates(handle)) === JOBS.length);
  for (const job of JOBS) await webhook(handle, job);
  const answers = await Promise.all(waits);
  expect(answers).toHaveLength(120);
  for (const answer of answers)
    expect(answer).toMatchObject({ state: 'completed', result: expect.anything() });
  expect(await acceptedUpdates(handle)).toBe(JOBS.length);
});

it('says 503 with Retry-After to what is over the limit, and goes on with all that waits', async () => {
  const { plaid } = world;
  const { handle, userId, itemId } = await waitingLink();
  await handle.signal(...plaidSignal('sign_in_required', itemId));
  const waits = JOBS.map((job) => first.waitForJob(userId, job, { waitMs: 60_000 }));
  await until(async () => (await acceptedUpdates(handle)) === JOBS.length);
  plaid.faults.add({ operation: LINK_TOKEN, times: 'always', kind: { hold: 'tokens' } });
  const answered: LightMyRequestResponse[] = [];
  const calls = waiters(25, async () => answered.push(await repairToken(userId)));
  const taken = TEMPORAL_LIMIT - JOBS.length;
  await until(async () => answered.length === calls.length - taken);
  for (const answer of answered) expectRefusal(answer);

  plaid.faults.release('tokens');
  await Promise.all(calls);
  expect(answered.slice(-taken).map(({ statusCode }) => statusCode)).toEqual(Array(taken).fill(200));
  plaid.faults.clear();
  expect((await repairToken(userId)).statusCode).toBe(200);
  for (const job of JOBS) await webhook(handle, job);
  for (const answer of await Promise.all(waits)) expect(answer).toMatchObject({ state: 'completed' });
});

/** Temporal may name its limit, or be silent until the call's time is up; both are said to pass. */
function expectRefusal(answer: LightMyRequestResponse): void {
  expect(answer.statusCode).toBe(503);
  const { code } = expectProblem(answer, 503, answer.json().code);
  expect(['overloaded', 'temporal_unavailable']).toContain(code);
}
