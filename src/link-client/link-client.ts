import type { Connection } from '@temporalio/client';
import type { Job } from '../contract/jobs';
import { DEFAULT_TASK_QUEUE, workflowIdOf } from '../contract/names';
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
import type { AtomicWebhookSignal, LinkAppearance, PlaidWebhookSignal } from '../contract/workflow';
import { SealingKeys } from '../encryption/sealing-keys';
import { createTokenSealer } from '../encryption/token-sealer';
import { CallDeadline } from './call-deadline';
import { type EraseOptions, eraseUser } from './erase-user';
import { JobWaiter, type WaitOptions } from './job-waiter';
import { toLinkClientError } from './link-client-error';
import type { ConnectOptions, LinkClientOptions } from './link-client-options';
import { type LinkPage, type ListLinks, listLinks } from './link-list';
import { LinkReader } from './link-reader';
import { type StartDependencies, startLink } from './link-start';
import { LinkUpdates } from './link-updates';
import { hasOpenRun } from './open-status';
import { openConnection } from './own-connection';
import { parsed } from './parsed';
import { SharedReads } from './shared-reads';
import { type UnlinkOptions, unlink } from './unlink';
import { WebhookSignals } from './webhook-signals';

export type { ConnectOptions, LinkClientOptions } from './link-client-options';

export const DEFAULT_CALL_TIMEOUT_MS = 4_000;
const DEFAULT_REPAIR_TIMEOUT_MS = 20_000;
const DEFAULT_MAX_WAITS = 1_000;

/**
 * Starts, reads and ends links. Every method rejects with {@link LinkClientError} alone (an aborted wait apart): with
 * `temporal_unavailable` within 5 s when Temporal, or the worker where one is needed, does not answer; with
 * `invalid_request` for values of the wrong shape.
 */
export class LinkClient {
  readonly #dependencies: StartDependencies & { callTimeoutMs: number };
  readonly #waiter: JobWaiter;
  readonly #updates: LinkUpdates;
  readonly #webhooks: WebhookSignals;
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
    const workflows = 'workflow' in client ? client.workflow : client;
    const reader = new LinkReader(workflows, { callTimeoutMs });
    const webhooks = new WebhookSignals(workflows);
    const sealer = createTokenSealer({ publicKey: sealingPublicKey, namespace: workflows.options.namespace });
    const turns: StartDependencies['turns'] = new SharedReads();
    this.#dependencies = {
      client: workflows,
      reader,
      keyRing,
      sealer,
      taskQueue,
      eagerStart,
      turns,
      callTimeoutMs,
    };
    this.#waiter = new JobWaiter(workflows, { callTimeoutMs, maxWaits });
    const onUpdate = (userId: string) => webhooks.forget(userId);
    this.#updates = new LinkUpdates({ client: workflows, reader, callTimeoutMs, repairTimeoutMs, onUpdate });
    this.#webhooks = webhooks;
  }

  /**
   * A client with a connection of its own, for a backend; end it with {@link close}. Rejects with `temporal_unavailable`
   * when Temporal cannot be reached, and throws `KeyRingFormatError` for malformed keys.
   */
  static async connect(options: ConnectOptions): Promise<LinkClient> {
    const { connection, options: own } = await openConnection(options);
    const client = new LinkClient(own);
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
    return this.#run(async (deadline) => {
      const started = await startLink(this.#dependencies, valid, deadline);
      if (started.created) this.#webhooks.forget(valid.userId);
      return started;
    });
  }

  /** The newest link of a user, open or closed. Codes: `link_not_found`. */
  async get(userId: string): Promise<LinkView> {
    parsed(userIdSchema, userId);
    return this.#run((deadline) => this.#dependencies.reader.read(userId, deadline));
  }

  /** Whether the user has a link that is open. Needs no worker and no key. */
  async hasOpenLink(userId: string): Promise<boolean> {
    parsed(userIdSchema, userId);
    return this.#run((deadline) => hasOpenRun(this.#dependencies.client, workflowIdOf(userId), deadline));
  }

  /**
   * A page of links, one per user, the newest; by state, job and error code. From Temporal's index alone, so that it needs
   * no worker, and no link can hold it up.
   */
  async list(request: ListLinks = {}): Promise<LinkPage> {
    return this.#run((deadline) => listLinks({ ...this.#dependencies, deadline }, request));
  }

  /**
   * Runs a further job, or one again. A run that is under way is joined by a read alone, because Temporal counts a run's
   * updates. Codes: `not_linked`.
   */
  async runJob(userId: string, job: Job): Promise<LinkView> {
    parsed(userIdSchema, userId);
    parsed(jobSchema, job);
    return this.#run((deadline) => deadline.call(() => this.#updates.runJob(userId, job)));
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
    return this.#run(() => unlink(this.#dependencies, userId, options));
  }

  /**
   * A Link token of update mode for a link that needs attention. Codes: `not_linked`, `not_needed`,
   * `provider_unavailable`, `configuration_error`.
   */
  async createRepairLinkToken(userId: string, appearance: LinkAppearance = {}): Promise<LinkToken> {
    parsed(userIdSchema, userId);
    return this.#run(() => this.#updates.createRepairLinkToken(userId, appearance));
  }

  /**
   * The user has been through update mode: the link looks at the Item and goes on. `alreadyRepaired` where it needed no
   * repair. Codes: `not_linked`, `still_needs_attention`, and what Plaid can answer.
   */
  async confirmRepair(userId: string): Promise<{ link: LinkView; alreadyRepaired: boolean }> {
    parsed(userIdSchema, userId);
    return this.#run(() => this.#updates.confirmRepair(userId));
  }

  /**
   * The account that the user chose, where the link asks for one: of the view's `choices`. Codes: `account_not_found`,
   * `not_needed`, `not_linked`.
   */
  async chooseAccount(userId: string, accountId: string): Promise<LinkView> {
    const update = parsed(chooseAccountSchema, { accountId });
    parsed(userIdSchema, userId);
    return this.#run(() => this.#updates.chooseAccount(userId, update));
  }

  /**
   * Erases a user: unlinks, then deletes every run and notification from Temporal. What stays is one closed run with id and
   * times. `erased` is true once that is done, and for a user of whom there is nothing; false while it is under way, which a
   * worker does however long it takes. Repeating it joins the one under way.
   */
  async eraseUser(userId: string, options: EraseOptions = {}): Promise<Erasure> {
    parsed(userIdSchema, userId);
    return this.#run(() => eraseUser(this.#dependencies, userId, options));
  }

  /**
   * Hands a webhook of Atomic's to the link. Taken for good once this resolves; needs no worker. A copy of one that was
   * taken within the last minute goes no further.
   */
  async signalAtomicWebhook(
    userId: string,
    signal: AtomicWebhookSignal,
  ): Promise<'delivered' | 'no_open_link'> {
    parsed(userIdSchema, userId);
    return this.#run((deadline) => this.#webhooks.ofAtomic(userId, signal, deadline));
  }

  /** Hands a webhook of Plaid's to the link, as {@link signalAtomicWebhook} does. */
  async signalPlaidWebhook(
    userId: string,
    signal: PlaidWebhookSignal,
  ): Promise<'delivered' | 'no_open_link'> {
    parsed(userIdSchema, userId);
    return this.#run((deadline) => this.#webhooks.ofPlaid(userId, signal, deadline));
  }

  /** Resolves when Temporal answers for the namespace. */
  async checkReachable(): Promise<void> {
    const { workflowService, options } = this.#dependencies.client;
    const { namespace } = options;
    await this.#run((deadline) => deadline.call(() => workflowService.describeNamespace({ namespace })));
  }

  async #run<T>(operation: (deadline: CallDeadline) => Promise<T>): Promise<T> {
    const { client, callTimeoutMs } = this.#dependencies;
    try {
      return await operation(new CallDeadline(client.connection, callTimeoutMs));
    } catch (error) {
      throw toLinkClientError(error);
    }
  }
}
