import { Client, type Connection, type WorkflowClient, WorkflowNotFoundError } from '@temporalio/client';
import type { Job } from '../contract/jobs';
import { DEFAULT_TASK_QUEUE, SIGNALS, UPDATES, workflowIdOf } from '../contract/names';
import {
  chooseAccountSchema,
  type Erasure,
  type JobResult,
  jobSchema,
  type LinkToken,
  type LinkView,
  runIdSchema,
  type StartLink,
  startLinkSchema,
  userIdSchema,
} from '../contract/schemas';
import { isFinal, isSettled } from '../contract/states';
import type {
  AtomicWebhookSignal,
  ChooseAccountUpdate,
  CreateRepairLinkTokenUpdate,
  LinkAppearance,
  PlaidWebhookSignal,
  RepairLinkTokenAnswer,
  RunJobUpdate,
  TokenSealer,
} from '../contract/workflow';
import { createClientDataConverter } from '../encryption/client-data-converter';
import { type KeyRing, parseKeyRing } from '../encryption/key-ring';
import { parseSealingPublicKeys, SealingKeys } from '../encryption/sealing-keys';
import { createReplyKey, createTokenSealer } from '../encryption/token-sealer';
import { connectTemporal, DEFAULT_NAMESPACE } from '../temporal/connection';
import { requestIdInterceptor } from '../temporal/request-id';
import { CallDeadline } from './call-deadline';
import { type EraseOptions, eraseUser } from './erase-user';
import { JobWaiter, type WaitOptions } from './job-waiter';
import { Turns } from './keyed-limit';
import { LinkClientError, notLinked, temporalUnavailable, toLinkClientError } from './link-client-error';
import type { ConnectOptions, LinkClientOptions } from './link-client-options';
import { type LinkPage, type ListLinks, listLinks } from './link-list';
import { LinkReader } from './link-reader';
import { type StartTurn, startLink } from './link-start';
import { hasOpenRun } from './open-status';
import { SharedReads } from './shared-reads';
import { TakenBodies } from './taken-bodies';
import { type UnlinkOptions, unlink } from './unlink';

export type { ConnectOptions, LinkClientOptions } from './link-client-options';

export const DEFAULT_CALL_TIMEOUT_MS = 4_000;
const DEFAULT_REPAIR_TIMEOUT_MS = 20_000;
const DEFAULT_MAX_WAITS = 1_000;
/** To one link. Temporal fails the workflow task of a link that is sent more than it can buffer meanwhile. */
const SIGNALS_AT_ONCE = 4;
/** Of Atomic's, each tells of an event of its own. */
const ATOMIC_BODIES_PER_USER = 20;
/** Of Plaid's, the same body can tell of a new fault once another webhook has come. */
const PLAID_BODIES_PER_USER = 1;

/**
 * Starts, reads and ends links. Every method rejects with {@link LinkClientError} alone (an aborted wait apart): with
 * `temporal_unavailable` within 5 s when Temporal, or the worker where one is needed, does not answer; with
 * `invalid_request` for values of the wrong shape.
 */
export class LinkClient {
  readonly #client: WorkflowClient;
  readonly #keyRing: KeyRing;
  readonly #sealer: TokenSealer;
  readonly #reader: LinkReader;
  readonly #waiter: JobWaiter;
  readonly #startTurns = new SharedReads<StartTurn>();
  readonly #signals = new Turns(SIGNALS_AT_ONCE);
  readonly #atomicBodies = new TakenBodies({ bodiesPerUser: ATOMIC_BODIES_PER_USER });
  readonly #plaidBodies = new TakenBodies({ bodiesPerUser: PLAID_BODIES_PER_USER });
  readonly #jobRuns = new SharedReads<LinkView>();
  readonly #taskQueue: string;
  readonly #eagerStart: boolean;
  readonly #callTimeoutMs: number;
  readonly #repairTimeoutMs: number;
  #ownConnection: Connection | undefined;

  constructor({
    client,
    keyRing,
    sealingPublicKey = SealingKeys.derivedFrom(keyRing).publicKey,
    taskQueue = DEFAULT_TASK_QUEUE,
    callTimeoutMs = DEFAULT_CALL_TIMEOUT_MS,
    repairTimeoutMs = DEFAULT_REPAIR_TIMEOUT_MS,
    maxWaits = DEFAULT_MAX_WAITS,
    eagerStart = false,
  }: LinkClientOptions) {
    this.#client = 'workflow' in client ? client.workflow : client;
    this.#keyRing = keyRing;
    this.#sealer = createTokenSealer({
      publicKey: sealingPublicKey,
      namespace: this.#client.options.namespace,
    });
    this.#reader = new LinkReader(this.#client, { callTimeoutMs });
    this.#waiter = new JobWaiter(this.#client, { callTimeoutMs, maxWaits });
    this.#taskQueue = taskQueue;
    this.#eagerStart = eagerStart;
    this.#callTimeoutMs = callTimeoutMs;
    this.#repairTimeoutMs = repairTimeoutMs;
  }

  /**
   * A client with a connection of its own, for a backend; end it with {@link close}. Rejects with `temporal_unavailable`
   * when Temporal cannot be reached, and throws `KeyRingFormatError` for malformed keys.
   */
  static async connect(options: ConnectOptions): Promise<LinkClient> {
    const {
      address,
      tls,
      apiKey,
      metadata,
      namespace = DEFAULT_NAMESPACE,
      encryptionKeys,
      sealingPublicKeys,
      ...rest
    } = options;
    const keyRing = parseKeyRing(encryptionKeys);
    const sealingPublicKey =
      sealingPublicKeys === undefined ? undefined : parseSealingPublicKeys(sealingPublicKeys);
    const connectionOptions = {
      ...(address !== undefined && { address }),
      ...(tls !== undefined && { tls }),
      ...(apiKey !== undefined && { apiKey }),
      ...(metadata !== undefined && { metadata }),
    };
    let connection: Connection;
    try {
      connection = await connectTemporal({ connectConfig: { connectionOptions, namespace }, lazy: false });
    } catch (error) {
      throw temporalUnavailable(error);
    }
    const dataConverter = createClientDataConverter({ keyRing, namespace });
    const client = new LinkClient({
      ...rest,
      client: new Client({
        connection,
        namespace,
        dataConverter,
        interceptors: { workflow: [requestIdInterceptor] },
      }),
      keyRing,
      sealingPublicKey,
    });
    client.#ownConnection = connection;
    return client;
  }

  /** Ends waits under way, and the connection where {@link connect} made it. */
  async close(): Promise<void> {
    this.#waiter.close();
    await this.#ownConnection?.close();
  }

  /**
   * Starts a link. The same request again while it is open gives that link with `created: false`. Needs no worker.
   * Codes: `already_linked` when another request's link is open; it is left untouched.
   */
  async start(request: StartLink): Promise<{ link: LinkView; created: boolean }> {
    const valid = parsed(startLinkSchema, request);
    const dependencies = {
      client: this.#client,
      reader: this.#reader,
      keyRing: this.#keyRing,
      sealer: this.#sealer,
      taskQueue: this.#taskQueue,
      eagerStart: this.#eagerStart,
      turns: this.#startTurns,
    };
    return this.#run(async (deadline) => {
      const started = await startLink(dependencies, valid, deadline);
      if (started.created) this.#forgetBodies(valid.userId);
      return started;
    });
  }

  /** The newest link of a user, open or closed. Codes: `link_not_found`. */
  async get(userId: string): Promise<LinkView> {
    parsed(userIdSchema, userId);
    return this.#run((deadline) => this.#reader.read(userId, deadline));
  }

  /** Whether the user has a link that is open. Needs no worker and no key. */
  async hasOpenLink(userId: string): Promise<boolean> {
    parsed(userIdSchema, userId);
    return this.#run((deadline) => hasOpenRun(this.#client, workflowIdOf(userId), deadline));
  }

  /**
   * A page of links, one per user, the newest; by state, job and error code. From Temporal's index alone, so that it needs
   * no worker, and no link can hold it up.
   */
  async list(request: ListLinks = {}): Promise<LinkPage> {
    return this.#run((deadline) =>
      listLinks({ client: this.#client, keyRing: this.#keyRing, deadline }, request),
    );
  }

  /**
   * Runs a further job, or one again. A run that is under way is joined by a read alone, because Temporal counts a run's
   * updates. Codes: `not_linked`.
   */
  async runJob(userId: string, job: Job): Promise<LinkView> {
    parsed(userIdSchema, userId);
    parsed(jobSchema, job);
    const shared = () =>
      this.#jobRuns.read(JSON.stringify([userId, job]), () => this.#runOrJoin(userId, job));
    return this.#run((deadline) => deadline.call(shared));
  }

  /**
   * A job's state and newest result, at once when it is settled, else once it settles or `waitMs` is over. Codes:
   * `link_not_found`, `job_not_found`, `overloaded`. An aborted wait rejects with the signal's reason.
   */
  async waitForJob(userId: string, job: Job, options: WaitOptions = {}): Promise<JobResult> {
    parsed(userIdSchema, userId);
    parsed(jobSchema, job);
    try {
      return await this.#waiter.wait(userId, job, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw toLinkClientError(error);
    }
  }

  /**
   * Ends the link that is open, or leaves one that has closed as it is. The view is that of this link, and of no later one:
   * `unlinking`, or its last one where it has closed, within `waitMs` if that is given. Repeating it does nothing more. A
   * read that fails after a wait does so within `waitMs` and a call's timeout. Codes: `link_not_found`, `not_linked` when
   * `runId` is not of the newest link.
   */
  async unlink(userId: string, options: UnlinkOptions = {}): Promise<LinkView> {
    parsed(userIdSchema, userId);
    if (options.runId !== undefined) parsed(runIdSchema, options.runId);
    const dependencies = {
      client: this.#client,
      reader: this.#reader,
      callTimeoutMs: this.#callTimeoutMs,
    };
    try {
      return await unlink(dependencies, userId, options);
    } catch (error) {
      throw toLinkClientError(error);
    }
  }

  /**
   * A Link token of update mode for a link that needs attention. Codes: `not_linked`, `not_needed`,
   * `provider_unavailable`, `configuration_error`.
   */
  async createRepairLinkToken(
    userId: string,
    { redirectUri, language }: LinkAppearance = {},
  ): Promise<LinkToken> {
    const reply = await createReplyKey(this.#client.options.namespace);
    const update: CreateRepairLinkTokenUpdate = {
      replyKey: reply.publicKey,
      ...(redirectUri !== undefined && { redirectUri }),
      ...(language !== undefined && { language }),
    };
    const answer = await this.#update<RepairLinkTokenAnswer>(userId, UPDATES.createRepairLinkToken, update);
    try {
      const linkToken = await reply.open(userId, answer.sealedLinkToken);
      return { linkToken, expiration: answer.expiration };
    } catch (error) {
      throw toLinkClientError(error);
    }
  }

  /**
   * The user has been through update mode: the link looks at the Item and goes on. `alreadyRepaired` where it needed no
   * repair. Codes: `not_linked`, `still_needs_attention`, and what Plaid can answer.
   */
  async confirmRepair(userId: string): Promise<{ link: LinkView; alreadyRepaired: boolean }> {
    try {
      return { link: await this.#update<LinkView>(userId, UPDATES.confirmRepair), alreadyRepaired: false };
    } catch (error) {
      if (!(error instanceof LinkClientError && error.code === 'not_needed')) throw error;
      return { link: await this.get(userId), alreadyRepaired: true };
    }
  }

  /**
   * The account that the user chose, where the link asks for one: of the view's `choices`. Codes: `account_not_found`,
   * `not_needed`, `not_linked`.
   */
  async chooseAccount(userId: string, accountId: string): Promise<LinkView> {
    const update: ChooseAccountUpdate = parsed(chooseAccountSchema, { accountId });
    return this.#update<LinkView>(userId, UPDATES.chooseAccount, update);
  }

  /**
   * Erases a user: unlinks, then deletes every run and notification from Temporal. What stays is one closed run with id and
   * times. `erased` is true once that is done, and for a user of whom there is nothing; false while it is under way, which a
   * worker does however long it takes. Repeating it joins the one under way.
   */
  async eraseUser(userId: string, options: EraseOptions = {}): Promise<Erasure> {
    parsed(userIdSchema, userId);
    const dependencies = {
      client: this.#client,
      taskQueue: this.#taskQueue,
      callTimeoutMs: this.#callTimeoutMs,
    };
    try {
      return await eraseUser(dependencies, userId, options);
    } catch (error) {
      throw toLinkClientError(error);
    }
  }

  /**
   * Hands a webhook of Atomic's to the link. Taken for good once this resolves; needs no worker. A copy of one that was
   * taken within the last minute goes no further.
   */
  async signalAtomicWebhook(
    userId: string,
    signal: AtomicWebhookSignal,
  ): Promise<'delivered' | 'no_open_link'> {
    return this.#signal(userId, SIGNALS.atomicWebhook, signal, this.#atomicBodies);
  }

  /** Hands a webhook of Plaid's to the link, as {@link signalAtomicWebhook} does. */
  async signalPlaidWebhook(
    userId: string,
    signal: PlaidWebhookSignal,
  ): Promise<'delivered' | 'no_open_link'> {
    return this.#signal(userId, SIGNALS.plaidWebhook, signal, this.#plaidBodies);
  }

  /** Resolves when Temporal answers for the namespace. */
  async checkReachable(): Promise<void> {
    const { namespace } = this.#client.options;
    await this.#run((deadline) =>
      deadline.call(() => this.#client.workflowService.describeNamespace({ namespace })),
    );
  }

  async #run<T>(operation: (deadline: CallDeadline) => Promise<T>): Promise<T> {
    try {
      return await operation(new CallDeadline(this.#client.connection, this.#callTimeoutMs));
    } catch (error) {
      throw toLinkClientError(error);
    }
  }

  async #runOrJoin(userId: string, job: Job): Promise<LinkView> {
    let link: LinkView;
    try {
      link = await this.get(userId);
    } catch (error) {
      throw error instanceof LinkClientError && error.code === 'link_not_found' ? notLinked(error) : error;
    }
    if (isFinal(link.state) || link.state === 'unlinking') throw notLinked();
    const state = link.jobs[job]?.state;
    if (state !== undefined && !isSettled(state)) return link;
    const update: RunJobUpdate = { job };
    return this.#update<LinkView>(userId, UPDATES.runJob, update);
  }

  /** The worker has to take the update within a call's time; what it does then may ask a provider and take longer. */
  async #update<Result>(userId: string, name: string, argument?: object): Promise<Result> {
    parsed(userIdSchema, userId);
    const { connection } = this.#client;
    const handle = this.#client.getHandle(workflowIdOf(userId));
    try {
      const accepted = await new CallDeadline(connection, this.#callTimeoutMs).call(() =>
        argument === undefined
          ? handle.startUpdate<Result, []>(name, { waitForStage: 'ACCEPTED' })
          : handle.startUpdate<Result, [object]>(name, { args: [argument], waitForStage: 'ACCEPTED' }),
      );
      return await new CallDeadline(connection, this.#repairTimeoutMs).call(() => accepted.result());
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw notLinked(error);
      throw toLinkClientError(error);
    } finally {
      this.#forgetBodies(userId);
    }
  }

  /** The link has been changed: a webhook may now mean something new in the same words. */
  #forgetBodies(userId: string): void {
    this.#atomicBodies.forget(userId);
    this.#plaidBodies.forget(userId);
  }

  async #signal(
    userId: string,
    name: string,
    argument: AtomicWebhookSignal | PlaidWebhookSignal,
    taken: TakenBodies,
  ): Promise<'delivered' | 'no_open_link'> {
    parsed(userIdSchema, userId);
    const { bodySha256 } = argument;
    const handle = this.#client.getHandle(workflowIdOf(userId));
    return this.#run(async (deadline) => {
      try {
        const send = async () => {
          if (taken.has(userId, bodySha256)) return;
          await deadline.call(() => handle.signal<[object]>(name, argument));
          taken.add(userId, bodySha256);
        };
        await deadline.call(() => this.#signals.take(userId, send));
        return 'delivered';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'no_open_link';
        throw error;
      }
    });
  }
}

/** As much of a zod schema as is used here. */
interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
}

/** The problems name fields and rules, never a value. */
export function parsed<T>(schema: Schema<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`,
  );
  throw new LinkClientError('invalid_request', problems.join('; '));
}
