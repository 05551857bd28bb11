import { createECDH, randomBytes, randomUUID } from 'node:crypto';
import {
  Client,
  type Connection,
  QueryNotRegisteredError,
  type WorkflowHandle,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createActivities } from '../../activities';
import { createErasureActivities } from '../../activities/erase-user';
import { JOBS, type Job } from '../../src/contract/jobs';
import { QUERIES, SIGNALS, UPDATES, WORKFLOW_TYPE, workflowIdOf } from '../../src/contract/names';
import type { NotificationEvent } from '../../src/contract/notifications';
import type { LinkView } from '../../src/contract/schemas';
import type {
  CreateRepairLinkTokenUpdate,
  JobReport,
  LinkAppearance,
  LinkSettings,
  PlaidWebhookSignal,
  ProcessorLinkInput,
  RepairLinkTokenAnswer,
} from '../../src/contract/workflow';
import { createDataConverter } from '../../src/encryption/data-converter';
import { type KeyRing, parseKeyRing } from '../../src/encryption/key-ring';
import { SealingKeys } from '../../src/encryption/sealing-keys';
import { createTokenOpener } from '../../src/encryption/token-sealer';
import { createAtomic } from '../../src/providers/atomic/client';
import { createPlaid } from '../../src/providers/plaid/client';
import type { Atomic, Plaid } from '../../src/providers/types';
import { startAtomicSimulator, startPlaidSimulator } from '../../src/simulators';
import type { AtomicSimulator } from '../../src/simulators/atomic/simulator';
import type { PlaidSimulator } from '../../src/simulators/plaid/simulator';
import { linkJobsKey, linkStateKey, linkStateSinceKey } from '../../src/temporal/search-attributes';
import { UserRuns } from '../../src/temporal/user-runs';
import { connectTo, realServer } from './temporal';
import { within } from './within';
import { workflowBundle } from './workflow-bundle';

export const EMPLOYER: Job = 'employer-classification';
export const RECURRING: Job = 'recurrence-detection';

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

export type Handle = WorkflowHandleWithFirstExecutionRunId;

export interface Connections {
  connection: Connection;
  nativeConnection: NativeConnection;
}

export interface LinkWorld {
  client: Client;
  /** For a worker of the test's own. */
  nativeConnection: NativeConnection;
  plaid: PlaidSimulator;
  atomic: AtomicSimulator;
  taskQueue: string;
  notifications: NotificationEvent[];
  settings: LinkSettings;
  /** What a worker of the test's own is made of. */
  keyRing: KeyRing;
  providers: { plaid: Plaid; atomic: Atomic };
  /** Starts a link for a new user, or for `user`, from a fresh public token. */
  start(
    options?: StartOptions,
  ): Promise<{ handle: Handle; userId: string; itemId: string; accountId: string }>;
  stopWorker(): Promise<void>;
  /** Ends the worker and starts another one, with an empty cache. */
  restartWorker(): Promise<void>;
  close(): Promise<void>;
}

export interface StartOptions {
  userId?: string;
  jobs?: Job[];
  accounts?: Parameters<PlaidSimulator['createPublicToken']>[0] extends infer T
    ? T extends { accounts?: infer A }
      ? A
      : never
    : never;
  accountId?: string;
  fromAccessToken?: boolean;
  input?: Partial<ProcessorLinkInput>;
  /** Milliseconds before its first task. */
  startDelayMs?: number;
  /** When the request came, by the clock of the API. */
  createdAt?: Date;
}

export interface WorldOptions {
  /** Of the server. Default: the one that all tests of a run share. */
  address?: string;
  /** Connections that stay open when the world closes. Default: its own, to `address`. */
  connections?: Connections;
  namespace?: string;
  settings?: Partial<LinkSettings>;
  /** `none` for a test that runs workers of its own on the task queue. Default: one. */
  worker?: 'one' | 'none';
  /** Of a call to Plaid or Atomic. Default 3,000. */
  providerTimeoutMs?: number;
  /** Where Plaid is looked for, by its own address. Default: there. */
  plaidAt?: (url: string) => string | Promise<string>;
  connectTimeoutMs?: number;
  /** The Atomic that the activities call. Default: the world's own. */
  atomic?: Atomic;
  maxCachedWorkflows?: number;
  /** As `ENCRYPTION_KEYS`; new ones by default. */
  encryptionKeys?: string;
  /** Told of each notification before it counts as taken; throws to refuse it. */
  onNotification?: (event: NotificationEvent) => void | Promise<void>;
}

/** The real workflow and activities in a real worker, against the simulators over HTTP. */
export async function startLinkWorld(options: WorldOptions = {}): Promise<LinkWorld> {
  const { namespace = 'default' } = options;
  const opened = options.connections ?? (await connectBoth(options.address ?? (await realServer()).address));
  const { connection, nativeConnection } = opened;
  const plaid = await startPlaidSimulator({ clientId: 'client', secret: 'plaid-secret' });
  const atomic = await startAtomicSimulator({
    apiKey: 'atomic-key',
    apiSecret: 'atomic-secret',
    webhookMode: 'none',
    isProcessorTokenLive: (token) => plaid.isProcessorTokenLive(token),
    settings: { jobDelayMs: 0 },
  });
  const keyRing = parseKeyRing(options.encryptionKeys ?? `test:${randomBytes(32).toString('base64')}`);
  const sealer = createTokenOpener({ keys: SealingKeys.derivedFrom(keyRing), namespace });
  const settings: LinkSettings = { ...DEFAULT_SETTINGS, ...options.settings };
  const notifications: NotificationEvent[] = [];
  const timeoutMs = options.providerTimeoutMs ?? 3_000;
  const providers = {
    plaid: createPlaid({
      clientId: 'client',
      secret: 'plaid-secret',
      baseUrl: (await options.plaidAt?.(plaid.url)) ?? plaid.url,
      timeoutMs,
      ...(options.connectTimeoutMs !== undefined && { connectTimeoutMs: options.connectTimeoutMs }),
    }),
    atomic:
      options.atomic ??
      createAtomic({
        apiKey: 'atomic-key',
        apiSecret: 'atomic-secret',
        baseUrl: atomic.url,
        timeoutMs,
      }),
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
  const dataConverter = createDataConverter({ keyRing, namespace });
  const taskQueue = `test-${randomUUID()}`;
  const startWorker = async () => {
    const worker = await Worker.create({
      connection: nativeConnection,
      namespace,
      taskQueue,
      workflowBundle: await workflowBundle(),
      activities: { ...createErasureActivities(new UserRuns({ connection, namespace })), ...activities },
      dataConverter,
      shutdownGraceTime: '1s',
      ...(options.maxCachedWorkflows !== undefined && { maxCachedWorkflows: options.maxCachedWorkflows }),
    });
    const running = worker.run();
    return async () => {
      worker.shutdown();
      await within('the end of the worker', running);
    };
  };
  let stopWorker = options.worker === 'none' ? async () => {} : await startWorker();
  const client = new Client({ connection, namespace, dataConverter });
  return {
    client,
    nativeConnection,
    plaid,
    atomic,
    taskQueue,
    notifications,
    settings,
    keyRing,
    providers,
    async start({ userId = `user-${randomUUID()}`, jobs = [EMPLOYER], ...rest } = {}) {
      const item = { userId, ...(rest.accounts !== undefined && { accounts: rest.accounts }) };
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
      return { handle, userId, itemId: made.itemId, accountId: made.accounts[0]?.accountId ?? '' };
    },
    async stopWorker() {
      await stopWorker();
      stopWorker = async () => {};
    },
    async restartWorker() {
      await stopWorker();
      stopWorker = await startWorker();
    },
    async close() {
      await stopWorker();
      await plaid.close();
      await atomic.close();
      if (options.connections) return;
      await nativeConnection.close();
      await connection.close();
    },
  };
}

async function connectBoth(address: string): Promise<Connections> {
  const connection = await connectTo(address);
  return { connection, nativeConnection: await NativeConnection.connect({ address }) };
}

export const getLink = (handle: Handle): Promise<LinkView> =>
  within(
    'the LinkView',
    asked(() => handle.query<LinkView>(QUERIES.getLink)),
  );
/** A query that met news of the link is refused once (`workflows/sdk/early-events.ts`). */
async function asked<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    if (error instanceof QueryNotRegisteredError) return query();
    throw error;
  }
}

/** The job's report, with its result parsed. */
export async function getJob(handle: Handle, job: Job): Promise<JobReport | null> {
  const report = await within(
    job,
    asked(() => handle.query<JobReport | null, [Job]>(QUERIES.getJobResult, job)),
  );
  return typeof report?.result === 'string' ? { ...report, result: JSON.parse(report.result) } : report;
}

/** Atomic's webhook, as the HTTP API passes it on; every call is another body unless `bodySha256` is given. */
export function webhook(
  handle: Handle,
  job: Job,
  bodySha256: string = randomBytes(32).toString('hex'),
): Promise<void> {
  return handle.signal(SIGNALS.atomicWebhook, { job, bodySha256 });
}

type Meaning = PlaidWebhookSignal extends infer S
  ? S extends unknown
    ? Omit<S, 'bodySha256'>
    : never
  : never;

/** Plaid's webhook, as the HTTP API passes it on; every call is another body unless `bodySha256` is given. */
export function plaidWebhook(
  handle: Pick<WorkflowHandle, 'signal'>,
  meaning: Meaning,
  bodySha256: string = randomBytes(32).toString('hex'),
): Promise<void> {
  return handle.signal(SIGNALS.plaidWebhook, { ...meaning, bodySha256 });
}

/** The key of somebody who asks for a Link token, for whom it does not matter to read it. */
export const REPLY_KEY: CreateRepairLinkTokenUpdate = {
  replyKey: createECDH('prime256v1').generateKeys().toString('base64url'),
};

/** Asks for a Link token of update mode. */
export function askForLinkToken(
  handle: Handle,
  appearance: LinkAppearance = {},
): Promise<RepairLinkTokenAnswer> {
  return handle.executeUpdate<RepairLinkTokenAnswer, [CreateRepairLinkTokenUpdate]>(
    UPDATES.createRepairLinkToken,
    { args: [{ ...REPLY_KEY, ...appearance }] },
  );
}

/** Resolves once the job is settled. */
export async function settled(handle: Handle, job: Job): Promise<JobReport | null> {
  await within(`${job} to settle`, handle.executeUpdate(UPDATES.waitForJob, { args: [{ job }] }));
  return getJob(handle, job);
}

/** Waits until the view satisfies the predicate: asked again as fast as the server answers. */
export async function viewWhen(handle: Handle, predicate: (view: LinkView) => boolean): Promise<LinkView> {
  const endMs = Date.now() + 20_000;
  for (;;) {
    const view = await getLink(handle);
    if (predicate(view)) return view;
    if (Date.now() > endMs) throw new Error(`The link did not get there: ${JSON.stringify(view)}`);
  }
}

/** How the run ended, and as what. */
export async function outcome(handle: Handle): Promise<{ status: string; view: LinkView }> {
  await within(
    'the end of the run',
    handle.result().catch(() => undefined),
  );
  const { status } = await handle.describe();
  return { status: status.name, view: await getLink(handle) };
}
