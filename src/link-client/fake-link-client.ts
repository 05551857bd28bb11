import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FailureCode, linkError } from '../contract/failures';
import type { Job } from '../contract/jobs';
import {
  type AccountChoice,
  chooseAccountSchema,
  DEFAULT_PAGE_SIZE,
  type Erasure,
  type JobResult,
  jobSchema,
  type LinkToken,
  type LinkView,
  type StartLink,
  startLinkSchema,
  userIdSchema,
} from '../contract/schemas';
import { INDEXED_LINK_STATES, isFinal, isSettled } from '../contract/states';
import { type FakeLink, jobOf, registered, sameRequest, stateByJobs, summaryOf } from './fake-link';
import type { WaitOptions } from './job-waiter';
import { LinkClientError, notLinked } from './link-client-error';
import type { LinkPage, ListLinks } from './link-list';
import { initialLinkView } from './link-reader';
import type { Links } from './links';
import { parsed } from './parsed';
import type { UnlinkOptions } from './unlink';

/**
 * Links in memory, for the tests of a backend: no Temporal, no Plaid, no Atomic. It answers as {@link LinkClient} does, and
 * a test says what happens outside: {@link completeJob}, {@link failJob}, {@link requireSignIn}, {@link signIn},
 * {@link askForAccount}, {@link failLink}. Nothing happens by itself: a link waits until the test goes on.
 *
 * ```ts
 * const links = new FakeLinkClient();
 * const { link } = await links.start({
 *   userId: 'alice',
 *   publicToken: 'public-sandbox-1',
 *   accountId: 'account-1',
 *   jobs: ['employer-classification'],
 * });
 * links.completeJob(link.userId, 'employer-classification', [{ name: 'Acme' }]);
 * const { result } = await links.waitForJob('alice', 'employer-classification');
 * ```
 */
export class FakeLinkClient implements Links {
  readonly #links = new Map<string, FakeLink>();
  readonly #changed = new EventTarget();
  readonly #closed = new AbortController();

  async start(request: StartLink): Promise<{ link: LinkView; created: boolean }> {
    const valid: StartLink = parsed(startLinkSchema, request);
    const known = this.#links.get(valid.userId);
    if (known) {
      const isOpen = !isFinal(known.view.state);
      const isSame = sameRequest(known.request) === sameRequest(valid);
      // A public token is good for one exchange, so its request finds a link that has closed too.
      if (isSame && (isOpen || valid.publicToken !== undefined)) {
        return { link: structuredClone(known.view), created: false };
      }
      if (isOpen) {
        throw new LinkClientError('already_linked', 'The user has another link open. Unlink it first.');
      }
    }
    const { userId, jobs, publicToken } = valid;
    const first = initialLinkView({
      userId,
      state: publicToken === undefined ? 'creating_processor_token' : 'exchanging',
      jobs,
      runId: randomUUID(),
      createdAt: new Date().toISOString(),
    });
    const link: FakeLink = {
      request: valid,
      view: {
        ...first,
        itemId: `item-${userId}`,
        accountId: valid.accountId ?? `account-${userId}`,
      },
      results: new Map(),
      signInMissing: false,
    };
    for (const job of jobs) link.view.jobs[job] = registered();
    this.#links.set(userId, link);
    this.#change(link, 'waiting');
    return { link: first, created: true };
  }

  async get(userId: string): Promise<LinkView> {
    return structuredClone(this.#known(userId).view);
  }

  async list(request: ListLinks = {}): Promise<LinkPage> {
    const { state, job, errorCode, pageSize = DEFAULT_PAGE_SIZE, pageToken } = request;
    if (state !== undefined && !INDEXED_LINK_STATES.includes(state)) {
      throw new LinkClientError('invalid_request', 'state must be a state that lasts');
    }
    const fitting = [...this.#links.values()]
      .map(summaryOf)
      .filter(
        (link) =>
          (state === undefined || link.state === state) &&
          (job === undefined || link.jobs.includes(job)) &&
          (errorCode === undefined || link.errorCode === errorCode),
      )
      .reverse();
    const from = pageToken === undefined ? 0 : Number(pageToken);
    if (!Number.isInteger(from)) {
      throw new LinkClientError('invalid_request', 'pageToken is not one of this list');
    }
    const to = from + pageSize;
    return {
      links: fitting.slice(from, to),
      ...(to < fitting.length && { nextPageToken: String(to) }),
    };
  }

  async runJob(userId: string, job: Job): Promise<LinkView> {
    parsed(jobSchema, job);
    const link = this.#open(userId);
    const state = link.view.jobs[job]?.state;
    if (state === undefined || isSettled(state)) {
      link.view.jobs[job] = registered();
      this.#change(link, link.view.state === 'needs_attention' ? 'needs_attention' : 'waiting');
    }
    return structuredClone(link.view);
  }

  async waitForJob(userId: string, job: Job, options: WaitOptions = {}): Promise<JobResult> {
    parsed(jobSchema, job);
    const { waitMs = 0, signal } = options;
    signal?.throwIfAborted();
    const link = this.#known(userId);
    const done = () => isSettled(jobOf(link, job).state) || isFinal(link.view.state);
    if (!done() && waitMs > 0) await this.#until(done, waitMs, signal);
    const { state, error } = jobOf(link, job);
    const resultText = isFinal(link.view.state) ? undefined : link.results.get(job);
    return {
      job,
      state,
      ...(resultText !== undefined && { result: JSON.parse(resultText), resultText }),
      ...(error && { error }),
    };
  }

  async unlink(userId: string, { runId }: UnlinkOptions = {}): Promise<LinkView> {
    const link = this.#known(userId);
    if (runId !== undefined && runId !== link.view.runId) throw notLinked();
    if (!isFinal(link.view.state)) {
      delete link.view.error;
      delete link.view.choices;
      this.#change(link, 'unlinked');
    }
    return structuredClone(link.view);
  }

  async chooseAccount(userId: string, accountId: string): Promise<LinkView> {
    parsed(chooseAccountSchema, { accountId });
    const link = this.#open(userId);
    const { choices } = link.view;
    if (!choices) throw new LinkClientError('not_needed', 'The link does not ask for an account.');
    if (!choices.some((choice) => choice.accountId === accountId)) {
      throw new LinkClientError('account_not_found', 'The account is not one of the choices.');
    }
    delete link.view.error;
    delete link.view.choices;
    link.view.accountId = accountId;
    this.#change(link, stateByJobs(link));
    return structuredClone(link.view);
  }

  async eraseUser(userId: string): Promise<Erasure> {
    const link = this.#links.get(parsed(userIdSchema, userId));
    if (link && !isFinal(link.view.state)) this.#change(link, 'unlinked');
    this.#links.delete(userId);
    return { userId, erased: true };
  }

  async createRepairLinkToken(userId: string): Promise<LinkToken> {
    this.#inNeed(userId);
    const expiration = new Date(Date.now() + 30 * 60_000).toISOString();
    return { linkToken: `link-sandbox-${randomUUID()}`, expiration };
  }

  async confirmRepair(userId: string): Promise<{ link: LinkView; alreadyRepaired: boolean }> {
    const link = this.#open(userId);
    const alreadyRepaired = link.view.state !== 'needs_attention';
    if (alreadyRepaired) return { link: structuredClone(link.view), alreadyRepaired };
    if (link.signInMissing || link.view.choices) {
      throw new LinkClientError('still_needs_attention', 'The link still needs its user.');
    }
    delete link.view.error;
    this.#change(link, stateByJobs(link));
    return { link: structuredClone(link.view), alreadyRepaired };
  }

  async close(): Promise<void> {
    this.#closed.abort();
  }

  /**
   * Atomic has finished a job: it is `completed`, with this result. `resultText` is the JSON that Atomic has sent it as, for
   * numbers that JavaScript cannot hold.
   */
  completeJob(userId: string, job: Job, result: unknown, resultText = JSON.stringify(result)): void {
    const link = this.#open(userId);
    const { error: _, ...before } = jobOf(link, job);
    link.results.set(job, resultText);
    link.view.jobs[job] = {
      ...before,
      state: 'completed',
      completedAt: new Date().toISOString(),
      via: 'webhook',
    };
    this.#change(link, stateByJobs(link));
  }

  /** A job has failed for good. */
  failJob(userId: string, job: Job, code: FailureCode): void {
    const link = this.#open(userId);
    link.view.jobs[job] = { ...jobOf(link, job), state: 'failed', error: linkError(code) };
    this.#change(link, stateByJobs(link));
  }

  /** The bank asks for a sign-in: the link is in `needs_attention`. */
  requireSignIn(userId: string): void {
    const link = this.#open(userId);
    link.signInMissing = true;
    link.view.error = { ...linkError('sign_in_required'), action: 'repair' };
    this.#change(link, 'needs_attention');
  }

  /** The user has been through Link's update mode; the backend has not confirmed it yet. */
  signIn(userId: string): void {
    this.#open(userId).signInMissing = false;
  }

  /** The account is unclear: the link is in `needs_attention`, until one of the choices is chosen. */
  askForAccount(userId: string, choices: AccountChoice[]): void {
    const link = this.#open(userId);
    link.view.error = linkError('account_required');
    link.view.choices = structuredClone(choices);
    delete link.view.accountId;
    this.#change(link, 'needs_attention');
  }

  /** The link ends as `failed`. */
  failLink(userId: string, code: FailureCode): void {
    const link = this.#open(userId);
    link.view.error = linkError(code);
    this.#change(link, 'failed');
  }

  #known(userId: string): FakeLink {
    const link = this.#links.get(parsed(userIdSchema, userId));
    if (!link) throw new LinkClientError('link_not_found', 'This user was never linked.');
    return link;
  }

  #open(userId: string): FakeLink {
    const link = this.#links.get(parsed(userIdSchema, userId));
    if (!link || isFinal(link.view.state)) throw notLinked();
    return link;
  }

  #inNeed(userId: string): FakeLink {
    const link = this.#open(userId);
    if (link.view.state !== 'needs_attention') {
      throw new LinkClientError('not_needed', 'The link needs no repair.');
    }
    return link;
  }

  #change(link: FakeLink, state: LinkView['state']): void {
    link.view.state = state;
    link.view.updatedAt = new Date().toISOString();
    this.#changed.dispatchEvent(new Event('change'));
  }

  /** Until it holds, time is up, or this is closed. Rejects with the signal's reason. */
  async #until(holds: () => boolean, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const over = new AbortController();
    const timeUp = sleep(waitMs, undefined, { signal: over.signal }).catch(() => undefined);
    const signals = [this.#closed.signal, over.signal, ...(signal ? [signal] : [])];
    const held = new Promise<void>((resolve) => {
      const look = () => {
        if (holds() || signals.some(({ aborted }) => aborted)) resolve();
      };
      this.#changed.addEventListener('change', look, { signal: over.signal });
      for (const one of signals) one.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([held, timeUp]);
    over.abort();
    signal?.throwIfAborted();
  }
}
