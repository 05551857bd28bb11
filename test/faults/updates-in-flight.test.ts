/** Temporal takes ten updates of one workflow at a time. However many callers there are, none may be turned away for good. */
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import type { Job } from '../../src/contract/jobs';
import type { LinkClient } from '../../src/link-client/link-client';
import { expectProblem } from '../http/support/problem';
import { authorized, closeApps, testApp } from '../http/support/test-app';
import {
  EMPLOYER,
  getLink,
  type Handle,
  plaidWebhook,
  RECURRING,
  viewWhen,
  webhook,
} from '../support/link-calls';
import { until } from '../support/until';
import { useWorld } from '../support/world';

jest.setTimeout(120_000);

const JOBS: readonly Job[] = [EMPLOYER, RECURRING];
/** `history.maxInFlightUpdates` of the server. */
const TEMPORAL_LIMIT = 10;
/** For calls that no test is about. */
const PATIENT_MS = 60_000;
const LINK_TOKEN = '/link/token/create';

afterAll(closeApps);
const world = useWorld({ providerTimeoutMs: 30_000 });
let first: LinkClient;
let second: LinkClient;
beforeAll(() => {
  [first, second] = [world.linkClient(PATIENT_MS), world.linkClient(PATIENT_MS)];
});

const httpApi = (callTimeoutMs: number): FastifyInstance =>
  testApp({ links: world.linkClient(callTimeoutMs) }).app;
const times = <T>(count: number, call: () => Promise<T>): Promise<T>[] => Array.from({ length: count }, call);

async function waitingLink(): Promise<{ handle: Handle; userId: string; itemId: string }> {
  const started = await world.start({ jobs: [...JOBS] });
  await viewWhen(started.handle, ({ jobs }) => JOBS.every((job) => jobs[job]?.state === 'registered'));
  return started;
}

async function acceptedUpdates(handle: Handle): Promise<number> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes).length;
}

it('takes one update a job for all who wait, over two clients and HTTP', async () => {
  const { handle, userId } = await waitingLink();
  const app = httpApi(PATIENT_MS);
  const overHttp = async (job: Job): Promise<unknown> =>
    (await app.inject(authorized({ url: `/v1/links/${userId}/jobs/${job}?waitSeconds=60` }))).json();
  const waits = JOBS.flatMap((job) => [
    ...times<unknown>(20, () => first.waitForJob(userId, job, { waitMs: PATIENT_MS })),
    ...times<unknown>(20, () => second.waitForJob(userId, job, { waitMs: PATIENT_MS })),
    ...times(20, () => overHttp(job)),
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
  const repairTokens = (count: number, app: FastifyInstance) =>
    times(count, async () =>
      app.inject(authorized({ method: 'POST', url: '/v1/link-tokens', payload: { userId, mode: 'update' } })),
    );
  await plaid.requireLogin(itemId, { webhook: false });
  await plaidWebhook(handle, { kind: 'sign_in_required', itemId });
  await viewWhen(handle, ({ state }) => state === 'needs_attention');
  const waits = JOBS.map((job) => first.waitForJob(userId, job, { waitMs: PATIENT_MS }));
  plaid.faults.add({ operation: LINK_TOKEN, times: 'always', kind: { hold: 'tokens' } });
  const patient = httpApi(PATIENT_MS);
  const served = repairTokens(TEMPORAL_LIMIT - JOBS.length, patient);
  await until(async () => (await acceptedUpdates(handle)) === TEMPORAL_LIMIT);

  const refused = await Promise.all(repairTokens(15, httpApi(2_000)));

  for (const answer of refused) expectRefused(answer);
  plaid.faults.release('tokens');
  for (const { statusCode } of await Promise.all(served)) expect(statusCode).toBe(200);
  plaid.faults.clear();
  for (const { statusCode } of await Promise.all(repairTokens(1, patient))) expect(statusCode).toBe(200);
  for (const job of JOBS) await webhook(handle, job);
  for (const answer of await Promise.all(waits)) expect(answer).toMatchObject({ state: 'completed' });
});

it('answers a wait at once while the link is being removed, however long that takes', async () => {
  const { atomic } = world;
  const { handle, userId } = await waitingLink();
  atomic.faults.add({ operation: 'DELETE /plaid/processor-link', times: 'always', kind: { status: 503 } });
  const wait = () => first.waitForJob(userId, EMPLOYER, { waitMs: 600_000 });
  const begunBefore = wait();
  await until(async () => (await acceptedUpdates(handle)) === 1);
  await handle.cancel();
  const unlinked = { job: EMPLOYER, state: 'failed', error: { code: 'unlinked' } };
  expect(await begunBefore).toMatchObject(unlinked);
  expect(await wait()).toMatchObject(unlinked);
  expect(await getLink(handle)).toMatchObject({ state: 'unlinking' });
  atomic.faults.clear();
});

/** Temporal names its limit, or is silent until the call's time is up; both are said to pass. */
function expectRefused(answer: LightMyRequestResponse): void {
  const { code } = expectProblem(answer, 503, answer.json().code);
  expect(['overloaded', 'temporal_unavailable']).toContain(code);
}
