import { TypedSearchAttributes } from '@temporalio/common';
import type { Duration } from '@temporalio/common/lib/time';
import { type LogEntry, NativeConnection, Worker } from '@temporalio/worker';
import { createActivities } from '../../activities';
import { createErasureActivities } from '../../activities/erase-user';
import { JOBS, type Job } from '../../src/contract/jobs';
import { WORKFLOW_TYPE, workflowIdOf } from '../../src/contract/names';
import type { NotificationEvent } from '../../src/contract/notifications';
import type { LinkView } from '../../src/contract/schemas';
import type { LinkSettings, ProcessorLinkInput } from '../../src/contract/workflow';
import { SealingKeys } from '../../src/encryption/sealing-keys';
import { createTokenOpener } from '../../src/encryption/token-sealer';
import { createAtomic } from '../../src/providers/atomic/client';
import { createPlaid } from '../../src/providers/plaid/client';
import type { Atomic, Plaid } from '../../src/providers/types';
import type { PlaidSimulator } from '../../src/simulators/plaid/simulator';
import { linkJobsKey, linkStateKey, linkStateSinceKey } from '../../src/temporal/search-attributes';
import { UserRuns } from '../../src/temporal/user-runs';
import { CallLog } from './call-log';
import { type Ground, type GroundOptions, prepareGround } from './ground';
import { EMPLOYER, getLink, type Handle } from './link-calls';
import { openInTests } from './open-in-tests';
import { historiesOf } from './run-chain';
import { useSdkLog } from './sdk-log';
import { tiedTimers } from './tied-timers';
import { within } from './within';
import { workflowBundle } from './workflow-bundle';

export const DEFAULT_SETTINGS: LinkSettings = {
  resultOverdueAfterMs: 15 * 60_000,
  resultGiveUpAfterMs: 7 * 24 * 3_600_000,
  waitForHistoryMs: 0,
  configurationWaitMs: 72 * 3_600_000,
  attentionGiveUpAfterMs: 90 * 24 * 3_600_000,
  runMaxAgeMs: 30 * 24 * 3_600_000,
  removeItemOnUnlink: true,
  notify: false,
};

export interface StartOptions {
  userId?: string;
  jobs?: Job[];
  accounts?: NonNullable<Parameters<PlaidSimulator['createPublicToken']>[0]>['accounts'];
  accountId?: string;
  fromAccessToken?: boolean;
  input?: Partial<ProcessorLinkInput>;
  /** Milliseconds before its first task. */
  startDelayMs?: number;
  /** When the request came, by the clock of the API. */
  createdAt?: Date;
}

export interface Started {
  handle: Handle;
  userId: string;
  itemId: string;
  accountId: string;
}

export interface WorldOptions extends Omit<GroundOptions, 'plaid' | 'atomic'> {
  settings?: Partial<LinkSettings>;
  /** `none` for a test that runs workers of its own on the task queue. Default: one. */
  worker?: 'one' | 'none';
  maxCachedWorkflows?: number;
  /** Of a call to Plaid or Atomic. Default 3,000. */
  providerTimeoutMs?: number;
  /** Where Plaid is looked for, by its own address. Default: there. */
  plaidAt?: (url: string) => string | Promise<string>;
  connectTimeoutMs?: number;
  /** The Atomic that the activities call. Default: the world's own. */
  atomic?: Atomic;
  /** Told of each notification before it counts as taken; throws to refuse it. */
  onNotification?: (event: NotificationEvent) => void | Promise<void>;
}

export interface World extends Ground {
  /** For a worker of the test's own. */
  nativeConnection: NativeConnection;
  /** What a worker of the test's own is made of. */
  providers: { plaid: Plaid; atomic: Atomic };
  notifications: NotificationEvent[];
  /** Of links that start from now on. */
  settings: LinkSettings;
  /** What the providers were asked for. */
  calls: CallLog;
  /** Starts a link for a new user, or for `userId`, from a fresh public token. */
  start(options?: StartOptions): Promise<Started>;
  /** Lets time pass, in workflow time: timers and retries in it come due. Nothing may be held meanwhile. */
  pass(duration: Duration): Promise<void>;
  closed(handle: Handle): Promise<void>;
  /** Lets time pass, by `step`, until the view satisfies the predicate. */
  viewLater(handle: Handle, predicate: (view: LinkView) => boolean, step?: Duration): Promise<LinkView>;
  stopWorker(): Promise<void>;
  /** Ends the worker and starts another one, with an empty cache. */
  restartWorker(): Promise<void>;
  /** Takes faults and changed settings back, and ends the links that would be carried along where time is skipped. */
  reset(): Promise<void>;
}

/** The real workflow and activities in a real worker in this process, against the simulators over HTTP. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { plaidAt, connectTimeoutMs, maxCachedWorkflows, atomic: otherAtomic, ...groundOptions } = options;
  const ground = await prepareGround({
    ...groundOptions,
    atomic: { webhookMode: 'none', settings: { jobDelayMs: 0 } },
  });
  const { temporal, client, plaid, atomic, credentials, keyRing, taskQueue } = ground;
  const { address, namespace, connection, skipsTime } = temporal;
  const nativeConnection = await NativeConnection.connect({ address });
  const sealer = createTokenOpener({ keys: SealingKeys.derivedFrom(keyRing), namespace });
  const settings: LinkSettings = { ...DEFAULT_SETTINGS, ...options.settings };
  const notifications: NotificationEvent[] = [];
  const call = { ...credentials, timeoutMs: options.providerTimeoutMs ?? 3_000 };
  const providers = {
    plaid: createPlaid({
      ...call,
      baseUrl: (await plaidAt?.(plaid.url)) ?? plaid.url,
      ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
    }),
    atomic: otherAtomic ?? createAtomic({ ...call, baseUrl: atomic.url }),
  };
  const activities = createActivities({
    ...providers,
    sealer,
    settings,
    postNotification: async (event) => {
      await options.onNotification?.(event);
      notifications.push(event);
    },
  });
  const startWorker = async () => {
    const worker = await Worker.create({
      connection: nativeConnection,
      namespace,
      taskQueue,
      workflowBundle: await workflowBundle(),
      activities: { ...createErasureActivities(new UserRuns({ connection, namespace })), ...activities },
      dataConverter: ground.dataConverter,
      shutdownGraceTime: '1s',
      ...(maxCachedWorkflows !== undefined && { maxCachedWorkflows }),
    });
    const running = worker.run();
    return async () => {
      worker.shutdown();
      await within('the end of the worker', running);
    };
  };
  let stopWorker = options.worker === 'none' ? async () => {} : await startWorker();
  const started: Handle[] = [];
  const bounded = <T>(what: string, promise: Promise<T>) =>
    within(what, promise, { state: async () => (await Promise.all(started.map(stateOf))).join('\n') });

  const world: World = {
    ...ground,
    nativeConnection,
    providers,
    notifications,
    settings,
    calls: new CallLog(ground),
    async start({ userId = ground.newUser(), jobs = [EMPLOYER], ...rest } = {}) {
      const item = { userId, accounts: rest.accounts };
      const made = rest.fromAccessToken ? plaid.createItem(item) : plaid.createPublicToken(item);
      const token =
        'accessToken' in made
          ? { sealedAccessToken: await sealer.seal('accessToken', userId, made.accessToken) }
          : { sealedPublicToken: await sealer.seal('publicToken', userId, made.publicToken) };
      const input: ProcessorLinkInput = {
        userId,
        ...token,
        jobs,
        ...(rest.accountId !== undefined && { accountId: rest.accountId }),
        ...rest.input,
      };
      const handle = await client.workflow.start(WORKFLOW_TYPE, {
        workflowId: workflowIdOf(userId),
        taskQueue,
        args: [input],
        typedSearchAttributes: new TypedSearchAttributes([
          { key: linkStateKey, value: 'waiting' },
          { key: linkStateSinceKey, value: new Date() },
          { key: linkJobsKey, value: JOBS.filter((job) => jobs.includes(job)) },
        ]),
        ...(rest.startDelayMs !== undefined && { startDelay: rest.startDelayMs }),
        ...(rest.createdAt && { memo: { createdAt: rest.createdAt.toISOString() } }),
      });
      if (skipsTime) started.push(handle);
      return { handle, userId, itemId: made.itemId, accountId: made.accounts[0]?.accountId ?? '' };
    },
    pass: (duration) => bounded(`${duration} of the server's clock`, temporal.pass(duration)),
    closed: (handle) => bounded('the end of the run', temporal.closed(handle)),
    async viewLater(handle, predicate, step = '5s') {
      for (let steps = 0; steps < 200; steps += 1) {
        const view = await getLink(handle);
        if (predicate(view)) return view;
        await world.pass(step);
      }
      throw new Error(`The link did not get there: ${JSON.stringify(await getLink(handle))}`);
    },
    async stopWorker() {
      await stopWorker();
      stopWorker = async () => {};
    },
    async restartWorker() {
      await stopWorker();
      stopWorker = await startWorker();
    },
    async reset() {
      for (const { faults } of [plaid, atomic]) faults.clear();
      Object.assign(settings, DEFAULT_SETTINGS, options.settings);
      const ended = started.splice(0);
      for (const handle of ended) {
        if ((await handle.describe()).status.name === 'RUNNING') await handle.cancel();
        await world.closed(handle);
        expect((await historiesOf(world, handle)).flatMap(tiedTimers)).toEqual([]);
      }
    },
    async close() {
      await stopWorker();
      await nativeConnection.close();
      await ground.close();
    },
  };
  return world;
}

/** A world for the tests of one file, and what its worker and workflows have logged. */
export function useWorld(options: WorldOptions = {}): World & { logs: readonly LogEntry[] } {
  const logs = useSdkLog();
  return useStarted(async () => ({ ...(await startWorld(options)), logs }));
}

/** Another world in the same place, for the tests of one `describe`. */
export function useWorldBeside(first: World, options: WorldOptions): World {
  return useStarted(() => startWorld({ ...options, place: first.temporal }));
}

function useStarted<T extends World>(start: () => Promise<T>): T {
  const world = openInTests(start);
  afterEach(() => world.reset());
  return world;
}

/** What a run waits for, for whoever has to find out why it hangs. */
async function stateOf(handle: Handle): Promise<string> {
  const { status, raw } = await handle.describe();
  const { pendingActivities, pendingWorkflowTask } = raw;
  return `${handle.workflowId}: ${JSON.stringify({ status: status.name, pendingActivities, pendingWorkflowTask })}`;
}
