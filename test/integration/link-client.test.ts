import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Connection, type WorkflowClientInterceptor } from '@temporalio/client';
import { google, temporal as proto } from '@temporalio/proto';
import {
  bundleWorkflowCode,
  NativeConnection,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import type { ProblemCode } from '../../src/contract/failures';
import { JOBS, type Job } from '../../src/contract/jobs';
import { SEARCH_ATTRIBUTES, workflowIdOf } from '../../src/contract/names';
import type { LinkSummary, LinkView, StartLink } from '../../src/contract/schemas';
import type { ProcessorLinkInput } from '../../src/contract/workflow';
import { createDataConverter, failureConverterPath } from '../../src/encryption/data-converter';
import { type KeyRing, parseKeyRing } from '../../src/encryption/key-ring';
import { SealingKeys } from '../../src/encryption/sealing-keys';
import { createTokenOpener } from '../../src/encryption/token-sealer';
import { LinkClient } from '../../src/link-client/link-client';
import { LinkClientError } from '../../src/link-client/link-client-error';
import type { LinkClientOptions } from '../../src/link-client/link-client-options';
import { connectTemporal } from '../../src/temporal/connection';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes';
import { SeverableProxy } from '../support/severable-proxy';
import { realServer } from '../support/temporal';
import type { StandInActivities } from './stand-in-link';

jest.setTimeout(60_000);

const NAMESPACE = 'default';
const NOT_OPEN = proto.api.enums.v1.QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_OPEN;
const k1 = `k1:${randomBytes(32).toString('base64')}`;
const k2 = `k2:${randomBytes(32).toString('base64')}`;
const ring = parseKeyRing(k1);
const TOKEN = 'public-sandbox-8ab976e6-64bc-4b38-98f7-731e7a349970';
const OTHER_TOKEN = 'public-sandbox-00000000-64bc-4b38-98f7-731e7a349970';

let address: string;
let connection: Connection;
let native: NativeConnection;
let bundle: WorkflowBundleWithSourceMap;
/** With a worker on its queue, and a client of it, under `ring`. */
let taskQueue: string;
let links: LinkClient;
let temporal: Client;
let stopWorker: () => Promise<void>;

function openerOf(keyRing: KeyRing) {
  return createTokenOpener({ keys: SealingKeys.derivedFrom(keyRing), namespace: NAMESPACE });
}

const activities: StandInActivities = {
  mintLinkToken: async (userId, replyKey) => ({
    sealedLinkToken: await openerOf(ring).sealReply(replyKey, userId, 'link-sandbox-repair'),
    expiration: '2030-01-01T00:00:00Z',
  }),
};

async function runWorker(
  queue: string,
  keyRing: KeyRing,
  namespace = NAMESPACE,
): Promise<() => Promise<void>> {
  const worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue: queue,
    workflowBundle: bundle,
    activities,
    dataConverter: createDataConverter({ keyRing, namespace }),
  });
  const running = worker.run();
  return async () => {
    worker.shutdown();
    await running;
  };
}

function temporalClient(keyRing: KeyRing, over = connection, namespace = NAMESPACE): Client {
  return new Client({
    connection: over,
    namespace,
    dataConverter: createDataConverter({ keyRing, namespace }),
  });
}

function linkClient(options: Partial<LinkClientOptions> & { over?: Connection } = {}): LinkClient {
  const { over = connection, keyRing = ring, ...rest } = options;
  return new LinkClient({ client: temporalClient(keyRing, over), keyRing, taskQueue, ...rest });
}

const newUser = () => `user-${randomUUID()}`;
const request = (userId: string, over: Partial<StartLink> = {}): StartLink => ({
  userId,
  publicToken: TOKEN,
  jobs: ['employer-classification', 'recurrence-detection'],
  ...over,
});
const runOf = (userId: string) => temporal.workflow.getHandle(workflowIdOf(userId));

async function started(over: Partial<StartLink> = {}): Promise<string> {
  const userId = newUser();
  await links.start(request(userId, over));
  return userId;
}

async function unlinked(userId: string): Promise<void> {
  await links.unlink(userId);
  await runOf(userId).signal('release');
  await links.unlink(userId, { waitMs: 10_000 });
}

async function codeOf(call: Promise<unknown>): Promise<ProblemCode | 'resolved'> {
  try {
    await call;
    return 'resolved';
  } catch (error) {
    if (error instanceof LinkClientError) return error.code;
    throw error;
  }
}

/** Fails where something takes as long as it was told to wait for, instead of giving up when it can. */
async function soon<T>(call: Promise<T>): Promise<T | 'too late'> {
  const done = new AbortController();
  const late = sleep(20_000, 'too late' as const, { signal: done.signal }).catch(() => 'too late' as const);
  return Promise.race([call, late]).finally(() => done.abort());
}

async function eventually<T>(look: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const until = Date.now() + 20_000;
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    if (Date.now() > until) throw new Error(`never came: ${JSON.stringify(value)}`);
    await sleep(50);
  }
}

beforeAll(async () => {
  ({ address } = await realServer());
  connection = await connectTemporal({ connectConfig: { connectionOptions: { address } }, lazy: false });
  await ensureSearchAttributes(connection, NAMESPACE);
  native = await NativeConnection.connect({ address });
  bundle = await bundleWorkflowCode({
    workflowsPath: require.resolve('./stand-in-link'),
    failureConverterPath,
    logger: { ...console, log() {}, trace() {}, debug() {}, info() {} },
  });
  taskQueue = `links-${randomUUID()}`;
  temporal = temporalClient(ring);
  links = linkClient();
  stopWorker = await runWorker(taskQueue, ring);
});

afterAll(async () => {
  await links?.close();
  await stopWorker?.();
  await native?.close();
  await connection?.close();
});

describe('start', () => {
  it('answers with the first view of the link and records it for operators', async () => {
    const userId = newUser();
    const { link, created } = await links.start(
      request(userId, { jobs: ['recurrence-detection', 'employer-classification'] }),
    );
    expect(created).toBe(true);
    expect(link).toEqual({
      userId,
      state: 'exchanging',
      jobs: { 'employer-classification': { state: 'pending' }, 'recurrence-detection': { state: 'pending' } },
      workflowId: `processor-link/${userId}`,
      runId: link.runId,
      createdAt: link.createdAt,
      updatedAt: link.createdAt,
    } satisfies LinkView);
    expect(Object.keys(link.jobs)).toEqual([...JOBS]);

    const description = await runOf(userId).describe();
    expect(description.runId).toBe(link.runId);
    expect(description.memo).toEqual({
      fingerprint: expect.stringMatching(/^k1:/),
      createdAt: link.createdAt,
    });
    expect(description.searchAttributes[SEARCH_ATTRIBUTES.linkJobs]).toEqual([...JOBS]);
    expect(description.searchAttributes[SEARCH_ATTRIBUTES.linkState]).toEqual(['waiting']);
    expect(description.searchAttributes[SEARCH_ATTRIBUTES.linkStateSince]).toEqual([
      new Date(link.createdAt),
    ]);
    await expect(description.staticSummary()).resolves.toBe(
      `Link of ${userId}: employer-classification, recurrence-detection`,
    );
    expect((await links.get(userId)).runId).toBe(link.runId);
  });

  it('seals the token it passes on', async () => {
    const sealer = openerOf(ring);
    const byPublicToken = await started();
    const input = await runOf(byPublicToken).query<ProcessorLinkInput>('input');
    expect(Object.keys(input).sort()).toEqual(['jobs', 'sealedPublicToken', 'userId']);
    expect(await sealer.open('publicToken', byPublicToken, input.sealedPublicToken ?? '')).toBe(TOKEN);

    const userId = newUser();
    const accessToken = 'access-sandbox-8ab976e6';
    const { link } = await links.start({
      userId,
      accessToken,
      accountId: 'acc1',
      jobs: ['recurrence-detection'],
    });
    expect(link.state).toBe('creating_processor_token');
    const other = await runOf(userId).query<ProcessorLinkInput>('input');
    expect(other).toEqual({
      userId,
      accountId: 'acc1',
      sealedAccessToken: other.sealedAccessToken,
      jobs: ['recurrence-detection'],
    });
    expect(await sealer.open('accessToken', userId, other.sealedAccessToken ?? '')).toBe(accessToken);
  });

  it('leaves nothing readable in the history but ids', async () => {
    const userId = await started();
    await runOf(userId).signal('makeWay');
    const history = JSON.stringify(await runOf(userId).fetchHistory());
    const bytes = [...history.matchAll(/"data":"([^"]+)"/g)].map(([, data]) =>
      Buffer.from(data ?? '', 'base64'),
    );
    expect(bytes.length).toBeGreaterThan(2);
    const readable = Buffer.concat(bytes).toString('latin1');
    expect(readable).toContain('waiting');
    expect(readable).not.toMatch(/sealed|public-|k1:|createdAt/);
  });

  it('makes one run of 100 equal requests at once, and every answer names it', async () => {
    const userId = newUser();
    const orders: Job[][] = [[...JOBS], [...JOBS].reverse()];
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        links.start(request(userId, { jobs: orders[index % 2] ?? [] })),
      ),
    );
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(answers.map(({ link }) => link.runId)).size).toBe(1);
    const runs = await eventually(
      () => temporal.workflow.count(`WorkflowId = '${workflowIdOf(userId)}'`),
      ({ count }) => count > 0,
    );
    expect(runs.count).toBe(1);
  });

  it('sends no start that Temporal would refuse, whatever is asked for at once, while open or once closed', async () => {
    const userId = newUser();
    let starts = 0;
    const counting = new Client({
      connection,
      namespace: NAMESPACE,
      dataConverter: temporal.options.loadedDataConverter,
      interceptors: {
        workflow: [
          {
            startWithDetails: (input, next) => {
              starts += 1;
              return next(input);
            },
          },
        ],
      },
    });
    const counted = linkClient({ client: counting });
    const all = await Promise.all(
      [TOKEN, OTHER_TOKEN, TOKEN, OTHER_TOKEN].map((publicToken) =>
        codeOf(counted.start(request(userId, { publicToken }))),
      ),
    );
    expect(all).toEqual(['resolved', 'already_linked', 'resolved', 'already_linked']);
    expect(starts).toBe(1);
    await unlinked(userId);
    expect(await codeOf(counted.start(request(userId)))).toBe('resolved');
    expect(starts).toBe(1);
    expect(await codeOf(counted.start(request(userId, { publicToken: OTHER_TOKEN })))).toBe('resolved');
    expect(starts).toBe(2);
  });

  it.each<[string, Partial<StartLink>]>([
    ['token', { publicToken: OTHER_TOKEN }],
    ['set of jobs', { jobs: ['recurrence-detection'] }],
    ['account', { accountId: 'acc1' }],
  ])('refuses a request with another %s while a link is open, and leaves that alone', async (_what, over) => {
    const userId = await started();
    const before = await runOf(userId).query<ProcessorLinkInput>('input');
    expect(await codeOf(links.start(request(userId, over)))).toBe('already_linked');
    expect(await runOf(userId).query<ProcessorLinkInput>('input')).toEqual(before);
  });

  it('starts a new run for another public token once the link has closed', async () => {
    const userId = await started();
    const { runId } = await links.get(userId);
    await unlinked(userId);
    const { link, created } = await links.start(request(userId, { publicToken: OTHER_TOKEN }));
    expect(created).toBe(true);
    expect(link.runId).not.toBe(runId);
  });

  it('finds the closed link of the same public token, which is good for one', async () => {
    const userId = await started();
    await unlinked(userId);
    const closed = await links.get(userId);
    const reordered = request(userId, { jobs: ['recurrence-detection', 'employer-classification'] });
    expect(await links.start(reordered)).toEqual({ link: closed, created: false });

    const failed = await started();
    const { runId } = await links.get(failed);
    await runOf(failed).terminate();
    expect(await links.start(request(failed))).toMatchObject({
      created: false,
      link: { runId, state: 'failed' },
    });
  });

  it('starts a new run for the same access token once the link has closed', async () => {
    const byAccess = { publicToken: undefined, accessToken: 'access-sandbox-8ab976e6' };
    const { publicToken: _, ...withAccess } = { ...request(newUser()), ...byAccess };
    const { link } = await links.start(withAccess);
    await unlinked(withAccess.userId);
    const again = await links.start(withAccess);
    expect(again.created).toBe(true);
    expect(again.link.runId).not.toBe(link.runId);
  });

  it('needs no key of a link that has closed', async () => {
    const userId = await started();
    await unlinked(userId);
    const rotated = linkClient({ keyRing: parseKeyRing(k2) });
    expect(await rotated.start(request(userId))).toMatchObject({ created: true });
  });

  it('knows the same request under a new key, and after the run has continued as new', async () => {
    const userId = await started();
    const { runId } = await links.get(userId);
    const rotated = linkClient({ keyRing: parseKeyRing(`${k2},${k1}`) });
    expect(await rotated.start(request(userId))).toMatchObject({ created: false, link: { runId } });
    expect(await codeOf(rotated.start(request(userId, { publicToken: OTHER_TOKEN })))).toBe('already_linked');

    await runOf(userId).signal('makeWay');
    const next = await eventually(
      () => links.get(userId),
      (link) => link.runId !== runId,
    );
    expect(await rotated.start(request(userId))).toEqual({ created: false, link: next });
  });

  it('says that a key is missing instead of guessing', async () => {
    const userId = await started();
    const foreign = linkClient({ keyRing: parseKeyRing(k2) });
    expect(await codeOf(foreign.start(request(userId)))).toBe('configuration_error');
    expect(await codeOf(foreign.get(userId))).not.toBe('resolved');
  });

  it('refuses malformed requests without a call', async () => {
    const both = { ...request(newUser()), accessToken: 'access-sandbox-1' };
    expect(await codeOf(links.start(both))).toBe('invalid_request');
    expect(await codeOf(links.start(request('../x')))).toBe('invalid_request');
    expect(await codeOf(links.start(request(newUser(), { jobs: [] })))).toBe('invalid_request');
    const failure = await links.start(request(newUser(), { publicToken: 'public-secret!' })).catch(String);
    expect(failure).toContain('publicToken: must be a Plaid public token');
    expect(failure).not.toContain('secret');
  });
});

describe('get', () => {
  it('reads open and closed links', async () => {
    const userId = await started();
    expect(await links.get(userId)).toMatchObject({ userId, state: 'waiting' });
    await unlinked(userId);
    expect(await links.get(userId)).toMatchObject({ userId, state: 'unlinked' });
  });

  it('calls a link failed that was terminated from outside', async () => {
    const userId = await started();
    await links.get(userId);
    await runOf(userId).terminate('operator');
    expect(await links.get(userId)).toMatchObject({
      state: 'failed',
      error: { code: 'internal_error', action: 'contact_support', message: /terminated/ },
    });
  });

  it('calls a link failed that was terminated before any worker saw it', async () => {
    const userId = newUser();
    await linkClient({ taskQueue: `nobody-${randomUUID()}` }).start(request(userId));
    await runOf(userId).terminate('operator');
    expect(await links.get(userId)).toMatchObject({
      userId,
      state: 'failed',
      jobs: { 'employer-classification': { state: 'pending' } },
    });
  });

  it('does not know a user who was never linked', async () => {
    expect(await codeOf(links.get(newUser()))).toBe('link_not_found');
    expect(await codeOf(links.get('not a user id'))).toBe('invalid_request');
  });
});

describe('waitForJob', () => {
  const job = 'employer-classification';
  const webhook = (bodySha256: string) => ({ job, bodySha256 }) as const;

  async function acceptedUpdates(userId: string): Promise<number> {
    const { events } = await runOf(userId).fetchHistory();
    return (events ?? []).filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes).length;
  }

  it('answers at once without a wait, and with the result once there is one', async () => {
    const userId = await started();
    expect(await links.waitForJob(userId, job)).toEqual({ job, state: 'registered' });
    await links.signalAtomicWebhook(userId, webhook('aa'));
    expect(await links.waitForJob(userId, job)).toEqual({
      job,
      state: 'completed',
      result: { from: 'aa' },
      resultText: '{"from":"aa"}',
    });
  });

  it('shares one update among the callers of two processes', async () => {
    const userId = await started();
    const other = linkClient();
    const calls = Array.from({ length: 50 }, (_, index) =>
      (index % 2 ? links : other).waitForJob(userId, job, { waitMs: 30_000 }),
    );
    await eventually(
      () => acceptedUpdates(userId),
      (count) => count > 0,
    );
    await links.signalAtomicWebhook(userId, webhook('bb'));
    const results = await Promise.all(calls);
    expect(results.every(({ state, result }) => state === 'completed' && result !== undefined)).toBe(true);
    expect(await acceptedUpdates(userId)).toBe(1);
  });

  it('answers with the present state when time is up', async () => {
    const userId = await started();
    expect(await links.waitForJob(userId, job, { waitMs: 200 })).toEqual({ job, state: 'registered' });
  });

  it('goes on waiting over a continue-as-new', async () => {
    const userId = await started();
    const { runId } = await links.get(userId);
    const call = links.waitForJob(userId, job, { waitMs: 30_000 });
    await runOf(userId).signal('makeWay');
    await eventually(
      () => links.get(userId),
      (link) => link.runId !== runId,
    );
    await links.signalAtomicWebhook(userId, webhook('cc'));
    expect(await call).toMatchObject({ state: 'completed', result: { from: 'cc' } });
  });

  it('stops waiting when the link is unlinked', async () => {
    const userId = await started();
    const call = soon(links.waitForJob(userId, job, { waitMs: 300_000 }));
    await unlinked(userId);
    expect(await call).toEqual({ job, state: 'registered' });
  });

  it('waits for the new run of a job that runs again', async () => {
    const userId = await started();
    await links.signalAtomicWebhook(userId, webhook('dd'));
    expect((await links.runJob(userId, job)).jobs[job]).toEqual({ state: 'pending' });
    const call = links.waitForJob(userId, job, { waitMs: 30_000 });
    await links.signalAtomicWebhook(userId, webhook('ee'));
    expect(await call).toMatchObject({ result: { from: 'ee' } });
  });

  it('ends with the reason of its signal', async () => {
    const userId = await started();
    const gone = new AbortController();
    const call = links.waitForJob(userId, job, { waitMs: 30_000, signal: gone.signal });
    gone.abort(new Error('the caller has left'));
    await expect(call).rejects.toThrow('the caller has left');
  });

  it('refuses more different waits than it may hold, and takes more once one has ended', async () => {
    const few = linkClient({ maxWaits: 1 });
    const [first, second] = [await started(), await started()];
    const gone = new AbortController();
    const held = few.waitForJob(first, job, { waitMs: 30_000, signal: gone.signal }).catch(() => 'ended');
    await eventually(
      () => acceptedUpdates(first),
      (count) => count === 1,
    );
    expect(await codeOf(few.waitForJob(second, job, { waitMs: 30_000 }))).toBe('overloaded');
    gone.abort();
    expect(await held).toBe('ended');
    expect(await codeOf(few.waitForJob(second, job, { waitMs: 100 }))).toBe('resolved');
  });

  it('does not know other jobs and users', async () => {
    const userId = await started({ jobs: ['recurrence-detection'] });
    expect(await codeOf(links.waitForJob(userId, job, { waitMs: 1_000 }))).toBe('job_not_found');
    expect(await codeOf(links.waitForJob(newUser(), job, { waitMs: 1_000 }))).toBe('link_not_found');
  });
});

describe('runJob', () => {
  it('adds a job to an open link', async () => {
    const userId = await started({ jobs: ['recurrence-detection'] });
    const view = await links.runJob(userId, 'employer-classification');
    expect(view.jobs).toMatchObject({ 'employer-classification': { state: 'pending' } });
  });

  it('joins a run that is under way by a read alone, however many ask', async () => {
    const userId = await started();
    const updates = async () =>
      ((await runOf(userId).fetchHistory()).events ?? []).filter(
        (event) => event.workflowExecutionUpdateAcceptedEventAttributes,
      ).length;
    const joined = await Promise.all(
      Array.from({ length: 50 }, () => links.runJob(userId, 'employer-classification')),
    );
    for (const { jobs } of joined) expect(jobs['employer-classification']).toEqual({ state: 'registered' });
    expect(await updates()).toBe(0);

    await links.signalAtomicWebhook(userId, { job: 'employer-classification', bodySha256: 'aa' });
    const again = await Promise.all(
      Array.from({ length: 50 }, () => links.runJob(userId, 'employer-classification')),
    );
    for (const { jobs } of again) expect(jobs['employer-classification']).toEqual({ state: 'pending' });
    expect(await updates()).toBe(1);
  });

  it('needs an open link that is not unlinking', async () => {
    expect(await codeOf(links.runJob(newUser(), 'recurrence-detection'))).toBe('not_linked');
    const userId = await started();
    await links.unlink(userId);
    expect(await codeOf(links.runJob(userId, 'recurrence-detection'))).toBe('not_linked');
    await unlinked(userId);
    expect(await codeOf(links.runJob(userId, 'recurrence-detection'))).toBe('not_linked');
  });
});

describe('unlink', () => {
  it('answers unlinking at once, unlinked when waited for, and the same when repeated', async () => {
    const userId = await started();
    expect(await links.unlink(userId)).toMatchObject({ userId, state: 'unlinking' });
    expect(await links.unlink(userId, { waitMs: 100 })).toMatchObject({ state: 'unlinking' });
    const waited = links.unlink(userId, { waitMs: 30_000 });
    await runOf(userId).signal('release');
    expect(await waited).toMatchObject({ state: 'unlinked' });
    expect(await links.unlink(userId)).toMatchObject({ state: 'unlinked' });
    expect((await runOf(userId).describe()).status.name).toBe('CANCELLED');
  });

  it('leaves a link that has failed as it is', async () => {
    const userId = await started();
    await runOf(userId).terminate();
    expect(await links.unlink(userId, { waitMs: 30_000 })).toMatchObject({ state: 'failed' });
  });

  it('answers about the link that was open when the call came, whatever is started meanwhile', async () => {
    const userId = await started();
    const { runId } = await links.get(userId);
    const waited = Array.from({ length: 12 }, () => links.unlink(userId, { waitMs: 30_000 }));
    await eventually(
      () => links.get(userId),
      ({ state }) => state === 'unlinking',
    );
    const relink = eventually(
      () => links.start(request(userId, { publicToken: OTHER_TOKEN })).catch(() => undefined),
      (answer) => answer?.created === true,
    );
    await runOf(userId).signal('release');
    for (const view of await Promise.all(waited)) expect(view).toMatchObject({ runId, state: 'unlinked' });
    const next = (await relink)?.link.runId;
    expect(await links.get(userId)).toMatchObject({ runId: next, state: 'waiting' });
  });

  it('ends the link that runId names, over a continue-as-new too, and no other', async () => {
    const userId = await started();
    const { runId } = await links.get(userId);
    await unlinked(userId);
    expect(await links.unlink(userId, { runId })).toMatchObject({ runId, state: 'unlinked' });

    const { link } = await links.start(request(userId, { publicToken: OTHER_TOKEN }));
    expect(await codeOf(links.unlink(userId, { runId }))).toBe('not_linked');
    expect(await codeOf(links.unlink(userId, { runId: randomUUID() }))).toBe('not_linked');
    expect(await codeOf(links.unlink(userId, { runId: 'no run' }))).toBe('invalid_request');
    expect(await codeOf(links.unlink(newUser(), { runId }))).toBe('link_not_found');
    expect(await links.get(userId)).toMatchObject({ runId: link.runId, state: 'waiting' });

    await runOf(userId).signal('makeWay');
    const continued = await eventually(
      () => links.get(userId),
      (view) => view.runId !== link.runId,
    );
    expect(await links.unlink(userId, { runId: link.runId })).toMatchObject({
      runId: continued.runId,
      state: 'unlinking',
    });
    await runOf(userId).signal('release');
    expect(await links.unlink(userId, { runId: link.runId, waitMs: 10_000 })).toMatchObject({
      runId: continued.runId,
      state: 'unlinked',
    });
  });

  it('answers with the view as it is when its wait is ended', async () => {
    const userId = await started();
    const stop = new AbortController();
    const waited = links.unlink(userId, { waitMs: 300_000, signal: stop.signal });
    await eventually(
      () => links.get(userId),
      ({ state }) => state === 'unlinking',
    );
    stop.abort();
    expect(await soon(waited)).toMatchObject({ state: 'unlinking' });
  });

  it('gives the last view of a link that a worker takes long to go through what is left of the wait', async () => {
    const userId = await started();
    const slow: WorkflowClientInterceptor = {
      async query(input, next) {
        if (input.queryRejectCondition !== NOT_OPEN) await sleep(4_500);
        return next(input);
      },
    };
    const client = new Client({ ...temporal.options, connection, interceptors: { workflow: [slow] } });
    const patient = new LinkClient({ client, keyRing: ring, taskQueue });
    const waited = patient.unlink(userId, { waitMs: 30_000 });
    await runOf(userId).signal('release');
    expect(await waited).toMatchObject({ state: 'unlinked' });
  });

  it('does not know a user who was never linked', async () => {
    expect(await codeOf(links.unlink(newUser()))).toBe('link_not_found');
  });
});

describe('repair', () => {
  it('hands out a Link token and confirms, as the link allows', async () => {
    const userId = await started();
    expect(await codeOf(links.createRepairLinkToken(userId))).toBe('not_needed');
    expect(await links.confirmRepair(userId)).toMatchObject({
      alreadyRepaired: true,
      link: { state: 'waiting' },
    });
    await links.signalPlaidWebhook(userId, { kind: 'sign_in_required', itemId: 'i1', bodySha256: 'aa' });
    expect(await links.createRepairLinkToken(userId)).toEqual({
      linkToken: 'link-sandbox-repair',
      expiration: '2030-01-01T00:00:00Z',
    });
    expect(await codeOf(links.confirmRepair(userId))).toBe('still_needs_attention');
    expect(await links.confirmRepair(userId)).toMatchObject({
      alreadyRepaired: false,
      link: { userId, state: 'waiting' },
    });
  });

  it('needs an open link', async () => {
    const userId = await started();
    await unlinked(userId);
    for (const id of [userId, newUser()]) {
      expect(await codeOf(links.createRepairLinkToken(id))).toBe('not_linked');
      expect(await codeOf(links.confirmRepair(id))).toBe('not_linked');
    }
  });
});

describe('chooseAccount', () => {
  it('takes one of the choices where the link asks for one', async () => {
    const userId = await started();
    expect(await codeOf(links.chooseAccount(userId, 'acc-1'))).toBe('not_needed');
    await runOf(userId).signal('askForAccount');
    expect(await codeOf(links.chooseAccount(userId, 'acc-2'))).toBe('account_not_found');
    expect(await codeOf(links.chooseAccount(userId, 'no account'))).toBe('invalid_request');
    expect(await links.chooseAccount(userId, 'acc-1')).toMatchObject({ userId, state: 'waiting' });
    await unlinked(userId);
    expect(await codeOf(links.chooseAccount(userId, 'acc-1'))).toBe('not_linked');
  });
});

describe('hasOpenLink', () => {
  it('needs neither a worker nor a key', async () => {
    const userId = newUser();
    await linkClient({ taskQueue: `nobody-${randomUUID()}` }).start(request(userId));
    const foreign = linkClient({ keyRing: parseKeyRing(k2) });
    expect(await foreign.hasOpenLink(userId)).toBe(true);
    await runOf(userId).terminate();
    expect(await foreign.hasOpenLink(userId)).toBe(false);
    expect(await foreign.hasOpenLink(newUser())).toBe(false);
  });
});

describe('signals', () => {
  const atomic = { job: 'recurrence-detection', bodySha256: 'aa' } as const;

  it('are taken for an open link, without a worker too', async () => {
    const userId = newUser();
    await linkClient({ taskQueue: `nobody-${randomUUID()}` }).start(request(userId));
    expect(await links.signalAtomicWebhook(userId, atomic)).toBe('delivered');
  });

  it('of a body that Temporal has taken go no further, until Plaid has said something else', async () => {
    const userId = newUser();
    await linkClient({ taskQueue: `nobody-${randomUUID()}` }).start(request(userId));
    const names = async () => {
      const { events } = await runOf(userId).fetchHistory();
      return (events ?? []).flatMap(
        (event) => event.workflowExecutionSignaledEventAttributes?.signalName ?? [],
      );
    };
    const send = () => links.signalAtomicWebhook(userId, atomic);
    await send();
    const copies = await Promise.all(Array.from({ length: 20 }, send));
    expect(new Set(copies)).toEqual(new Set(['delivered']));
    expect(await names()).toEqual(['atomicWebhook']);

    const plaid = { kind: 'sign_in_required', itemId: 'i1' } as const;
    for (const bodySha256 of ['aa', 'aa', 'bb', 'aa']) {
      await links.signalPlaidWebhook(userId, { ...plaid, bodySha256 });
    }
    expect(await names()).toEqual(['atomicWebhook', ...Array(3).fill('plaidWebhook')]);
  });

  it('find no open link of users who were never linked or no longer are', async () => {
    const userId = await started();
    await unlinked(userId);
    for (const id of [userId, newUser()]) {
      expect(await links.signalAtomicWebhook(id, atomic)).toBe('no_open_link');
      expect(
        await links.signalPlaidWebhook(id, { kind: 'history_ready', itemId: 'i1', bodySha256: 'aa' }),
      ).toBe('no_open_link');
    }
  });
});

async function newNamespace(): Promise<string> {
  const namespace = `ns-${randomUUID()}`;
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: google.protobuf.Duration.fromObject({ seconds: 86_400 }),
  });
  // A server takes note of a new namespace within some seconds.
  await eventually(
    () => ensureSearchAttributes(connection, namespace).catch(String),
    (outcome) => typeof outcome === 'object',
  );
  return namespace;
}

describe('list', () => {
  let listed: LinkClient;
  let client: Client;
  let stop: () => Promise<void>;
  const users = {
    continued: newUser(),
    attention: newUser(),
    gone: newUser(),
    terminated: newUser(),
    relinked: newUser(),
    stuck: newUser(),
  };
  const { continued, attention, gone, terminated, relinked, stuck } = users;
  const runIn = (userId: string) => client.workflow.getHandle(workflowIdOf(userId));
  const idsOf = (views: LinkSummary[]) => views.map(({ userId }) => userId).sort();

  async function all(
    filter: Parameters<LinkClient['list']>[0] = {},
    client = listed,
  ): Promise<LinkSummary[]> {
    const found: LinkSummary[] = [];
    let pageToken: string | undefined;
    do {
      const page = await client.list({ ...filter, ...(pageToken && { pageToken }) });
      expect(page.links.length).toBeLessThanOrEqual(filter.pageSize ?? 50);
      found.push(...page.links);
      pageToken = page.nextPageToken;
    } while (pageToken);
    return found;
  }

  async function unlinkedThere(userId: string): Promise<void> {
    await listed.unlink(userId);
    await runIn(userId).signal('release');
    await listed.unlink(userId, { waitMs: 10_000 });
  }

  beforeAll(async () => {
    const namespace = await newNamespace();
    client = temporalClient(ring, connection, namespace);
    listed = new LinkClient({ client, keyRing: ring, taskQueue });
    stop = await runWorker(taskQueue, ring, namespace);
    for (const userId of [continued, gone, terminated, relinked]) await listed.start(request(userId));
    await listed.start(request(attention, { jobs: ['recurrence-detection'] }));
    await listed.signalPlaidWebhook(attention, { kind: 'sign_in_required', itemId: 'i1', bodySha256: 'aa' });
    await runIn(continued).signal('makeWay');
    await unlinkedThere(gone);
    await listed.get(terminated);
    await runIn(terminated).terminate();
    await unlinkedThere(relinked);
    await listed.start(request(relinked, { publicToken: OTHER_TOKEN }));
    await listed.get(relinked);
    const ofNobody = new LinkClient({ client, keyRing: ring, taskQueue: `nobody-${randomUUID()}` });
    await ofNobody.start(request(stuck));
    // Visibility follows within moments.
    await eventually(
      () =>
        Promise.all([all(), all({ state: 'needs_attention' }), all({ state: 'unlinked' })]).catch(() => []),
      ([every, inNeed, ended]) => every?.length === 6 && inNeed?.length === 1 && ended?.length === 1,
    );
  });

  afterAll(async () => {
    await stop?.();
  });

  it('has one row per user, the newest run, as the index has it', async () => {
    const found = await all();
    expect(idsOf(found)).toEqual(Object.values(users).sort());
    const states: Record<string, LinkSummary['state']> = {
      [continued]: 'waiting',
      [attention]: 'needs_attention',
      [gone]: 'unlinked',
      [terminated]: 'failed',
      [relinked]: 'waiting',
    };
    for (const [userId, state] of Object.entries(states)) {
      const { workflowId, runId, createdAt, jobs } = await listed.get(userId);
      const row = found.find((summary) => summary.userId === userId);
      expect(row).toMatchObject({ state, jobs: Object.keys(jobs), workflowId, runId, createdAt });
      expect(row?.errorCode).toBe(
        { [attention]: 'sign_in_required', [terminated]: 'internal_error' }[userId],
      );
      expect(Date.parse(row?.stateSince ?? '')).toBeGreaterThanOrEqual(Date.parse(createdAt));
    }
  });

  it('shows a link that no worker has seen as waiting', async () => {
    expect((await all()).find(({ userId }) => userId === stuck)).toMatchObject({
      state: 'waiting',
      jobs: [...JOBS],
    });
  });

  it('is the same without a key of the links, but for when a continued one was asked for', async () => {
    const foreign = new LinkClient({
      client: temporalClient(parseKeyRing(k2), connection, client.options.namespace),
      keyRing: parseKeyRing(k2),
    });
    const withoutTimes = (links: LinkSummary[]) => links.map(({ createdAt: _, ...rest }) => rest);
    expect(withoutTimes(await all({}, foreign))).toEqual(withoutTimes(await all()));
    expect(await codeOf(foreign.get(terminated))).not.toBe('resolved');
  });

  it('filters by state and by job', async () => {
    expect(idsOf(await all({ state: 'needs_attention' }))).toEqual([attention]);
    expect(idsOf(await all({ state: 'unlinked' }))).toEqual([gone]);
    expect(idsOf(await all({ state: 'failed' }))).toEqual([terminated]);
    expect(idsOf(await all({ job: 'employer-classification' }))).toEqual(
      Object.values(users)
        .filter((userId) => userId !== attention)
        .sort(),
    );
    expect(await all({ state: 'needs_attention', job: 'employer-classification' })).toEqual([]);
    expect(idsOf(await all({ errorCode: 'sign_in_required' }))).toEqual([attention]);
    expect(idsOf(await all({ errorCode: 'internal_error', state: 'failed' }))).toEqual([terminated]);
    expect(await all({ errorCode: 'result_timeout' })).toEqual([]);
    expect(idsOf(await all({ state: 'waiting' }))).toEqual([continued, relinked, stuck].sort());
  });

  it('pages without losing or doubling a user', async () => {
    expect(idsOf(await all({ pageSize: 4 }))).toEqual(Object.values(users).sort());
    expect(idsOf(await all({ pageSize: 1, job: 'recurrence-detection', state: 'needs_attention' }))).toEqual([
      attention,
    ]);
  });

  it('refuses what is not of the list', async () => {
    const { nextPageToken = '' } = await listed.list({ pageSize: 4 });
    expect(nextPageToken).not.toBe('');
    expect(await codeOf(listed.list({ pageSize: 4, state: 'waiting', pageToken: nextPageToken }))).toBe(
      'invalid_request',
    );
    const tail = nextPageToken.slice(nextPageToken.indexOf('.'));
    const altered = [
      `!${nextPageToken}`,
      `${nextPageToken}A`,
      `bm90IGEgdG9rZW4${tail}`,
      nextPageToken.replace('k1', 'k2'),
    ];
    for (const pageToken of ['', 'x', '..', ...altered]) {
      expect(await codeOf(listed.list({ pageToken }))).toBe('invalid_request');
    }
    for (const pageSize of [0, 201, 1.5, Number.NaN]) {
      expect(await codeOf(listed.list({ pageSize }))).toBe('invalid_request');
    }
    const injectedState: object = { state: "waiting' OR WorkflowType != '" };
    expect(await codeOf(listed.list(injectedState))).toBe('invalid_request');
    const passing: object = { state: 'exchanging' };
    expect(await codeOf(listed.list(passing))).toBe('invalid_request');
    const noCode: object = { errorCode: 'no_code' };
    expect(await codeOf(listed.list(noCode))).toBe('invalid_request');
    const injectedJob: object = { job: "' OR '1' = '1" };
    expect(await codeOf(listed.list(injectedJob))).toBe('invalid_request');
  });
});

/** Every method that reads from or writes to Temporal, for a user. */
const METHODS: Record<string, (client: LinkClient, userId: string) => Promise<unknown>> = {
  start: (client, userId) => client.start(request(userId)),
  get: (client, userId) => client.get(userId),
  list: (client) => client.list({ pageSize: 5 }),
  runJob: (client, userId) => client.runJob(userId, 'recurrence-detection'),
  waitForJob: (client, userId) => client.waitForJob(userId, 'recurrence-detection', { waitMs: 40_000 }),
  unlink: (client, userId) => client.unlink(userId, { waitMs: 40_000 }),
  createRepairLinkToken: (client, userId) => client.createRepairLinkToken(userId),
  confirmRepair: (client, userId) => client.confirmRepair(userId),
  chooseAccount: (client, userId) => client.chooseAccount(userId, 'acc-1'),
  hasOpenLink: (client, userId) => client.hasOpenLink(userId),
  signalAtomicWebhook: (client, userId) =>
    client.signalAtomicWebhook(userId, { job: 'recurrence-detection', bodySha256: 'aa' }),
  signalPlaidWebhook: (client, userId) =>
    client.signalPlaidWebhook(userId, { kind: 'history_ready', itemId: 'i1', bodySha256: 'aa' }),
  checkReachable: (client) => client.checkReachable(),
};

describe('without a worker', () => {
  it.each(['get', 'runJob', 'waitForJob', 'createRepairLinkToken', 'confirmRepair', 'chooseAccount'])(
    '%s says that Temporal is unavailable',
    async (method) => {
      const alone = linkClient({ taskQueue: `nobody-${randomUUID()}`, callTimeoutMs: 1_000 });
      const userId = newUser();
      await alone.start(request(userId));
      expect(await codeOf(METHODS[method]?.(alone, userId) ?? Promise.resolve())).toBe(
        'temporal_unavailable',
      );
    },
  );

  it('starts a link, and knows the same request again', async () => {
    const alone = linkClient({ taskQueue: `nobody-${randomUUID()}` });
    const userId = newUser();
    const first = await alone.start(request(userId));
    expect(await alone.start(request(userId))).toEqual({ link: first.link, created: false });
    expect(await codeOf(alone.start(request(userId, { accountId: 'acc1' })))).toBe('already_linked');
  });
});

describe('while Temporal is away', () => {
  let proxy: SeverableProxy;
  let over: Connection;
  let away: LinkClient;

  beforeAll(async () => {
    proxy = new SeverableProxy(address);
    await proxy.join();
    over = await connectTemporal({ connectConfig: { connectionOptions: { address: proxy.address } } });
    away = linkClient({ over });
  });

  afterAll(async () => {
    await away.close();
    await over.close();
    await proxy.sever();
  });

  it('every method says so within its time, a wait under way too, and all work again once it is back', async () => {
    const userId = await started();
    const waiting = codeOf(away.waitForJob(userId, 'recurrence-detection', { waitMs: 3_000 }));
    await away.checkReachable();
    await proxy.sever();
    const codes = await Promise.all(
      Object.values(METHODS).map((method) => soon(codeOf(method(away, userId)))),
    );
    expect(codes).toEqual(Object.keys(METHODS).map(() => 'temporal_unavailable'));
    expect(await waiting).toBe('temporal_unavailable');

    await proxy.join();
    await eventually(
      () => codeOf(away.checkReachable()),
      (code) => code === 'resolved',
    );
    expect(await away.get(userId)).toMatchObject({ userId });
  });

  it('does not connect, and says so', async () => {
    const closed = new SeverableProxy(address);
    await closed.join();
    await closed.sever();
    expect(await codeOf(LinkClient.connect({ address: closed.address, encryptionKeys: k1 }))).toBe(
      'temporal_unavailable',
    );
  });
});

describe('LinkClient.connect', () => {
  it('gives a backend a client of its own', async () => {
    const client = await LinkClient.connect({ address, namespace: NAMESPACE, encryptionKeys: k1, taskQueue });
    try {
      const userId = newUser();
      await client.start(request(userId));
      expect(await client.get(userId)).toEqual(await links.get(userId));
    } finally {
      await client.close();
    }
  });
});

describe('a worker that lacks a key', () => {
  it('stalls the workflow task, and the link goes on once the key is there', async () => {
    const queue = `rotating-${randomUUID()}`;
    const userId = newUser();
    const stopWithout = await runWorker(queue, parseKeyRing(k2));
    const events = async () => (await runOf(userId).fetchHistory()).events ?? [];
    try {
      await linkClient({ taskQueue: queue }).start(request(userId));
      const failed = await eventually(events, (all) =>
        all.some((event) => event.workflowTaskFailedEventAttributes),
      );
      const failure = failed.find((event) => event.workflowTaskFailedEventAttributes);
      expect(failure?.workflowTaskFailedEventAttributes?.failure?.encodedAttributes).toBeDefined();
      expect((await runOf(userId).describe()).status.name).toBe('RUNNING');
      expect(await codeOf(linkClient({ callTimeoutMs: 1_000 }).get(userId))).toBe('temporal_unavailable');
    } finally {
      await stopWithout();
    }
    const stopWith = await runWorker(queue, parseKeyRing(`${k2},${k1}`));
    try {
      const rotated = linkClient({ keyRing: parseKeyRing(`${k2},${k1}`) });
      const view = await eventually(
        () => rotated.get(userId).catch((error: LinkClientError) => error.code),
        (answer) => typeof answer === 'object',
      );
      expect(view).toMatchObject({ state: 'waiting' });
    } finally {
      await stopWith();
    }
  });
});

describe('search attributes', () => {
  it('are added to a namespace that lacks them, can be used when that is done, and are left alone after', async () => {
    const namespace = `ns-${randomUUID()}`;
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: google.protobuf.Duration.fromObject({ seconds: 86_400 }),
    });
    const names = Object.values(SEARCH_ATTRIBUTES);
    const first = await eventually(
      () => ensureSearchAttributes(connection, namespace).catch(String),
      (outcome) => typeof outcome === 'object',
    );
    expect(first).toEqual({ added: names, present: [] });
    expect(await ensureSearchAttributes(connection, namespace)).toEqual({ added: [], present: names });
    const started = new LinkClient({
      client: temporalClient(ring, connection, namespace),
      keyRing: ring,
      taskQueue: `nobody-${randomUUID()}`,
    }).start(request(newUser()));
    expect(await codeOf(started)).toBe('resolved');
  });

  it('that are missing are named as what an operator must set up', async () => {
    const namespace = `ns-${randomUUID()}`;
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: google.protobuf.Duration.fromObject({ seconds: 86_400 }),
    });
    const lacking = new LinkClient({ client: temporalClient(ring, connection, namespace), keyRing: ring });
    const code = await eventually(
      () => codeOf(lacking.start(request(newUser()))),
      (code) => code !== 'temporal_unavailable',
    );
    expect(code).toBe('configuration_error');
    await expect(ensureSearchAttributes(connection, 'no-such-namespace')).rejects.toThrow(
      /temporal operator search-attribute create --namespace no-such-namespace --name LinkState --type Keyword/,
    );
  });
});
