import { CancellationScope, condition, sleep, workflowInfo } from '@temporalio/workflow';
import { linkError } from '../src/contract/failures';
import { JOBS, type Job } from '../src/contract/jobs';
import type { LinkView } from '../src/contract/schemas';
import { isSettled } from '../src/contract/states';
import type {
  AccountIdentity,
  JobReport,
  LinkMemo,
  LinkSettings,
  ProcessorLinkInput,
} from '../src/contract/workflow';
import { type EventOf, type LinkEvent, type LinkFacts, newLink } from './facts';
import { viewOf } from './link-view';
import { measure } from './measure';
import { describe, publish } from './operator-view';
import { Outbox } from './outbox';
import { isQuiet } from './quiet-events';
import { RunSpan } from './run-span';
import { SharedTimers } from './shared-timers';
import type { Reason } from './step-failure';
import { stepsOf } from './steps';
import { transition } from './transition';
import { type CarriedInbox, WebhookInbox } from './webhook-inbox';

/** What a run hands to the next. The results go beside it, each a payload of its own. */
export interface Carried {
  facts: LinkFacts;
  inbox: CarriedInbox;
}

/** One run of a link: its facts, the effects that follow from every change, and what is under way. */
export class LinkRun {
  /** All that ends with the link; cleanup runs outside of it. */
  readonly story = new CancellationScope();
  readonly inbox: WebhookInbox;
  readonly exchange = stepsOf('exchange', this);
  readonly setup = stepsOf('setup', this);
  readonly result = stepsOf('result', this);
  readonly interactive = stepsOf('interactive');
  readonly cleanup = stepsOf('cleanup', this);
  readonly precaution = stepsOf('precaution');
  /** What is under way, and how long the run has become. */
  readonly span = new RunSpan();
  readonly timers = new SharedTimers();
  /** The run makes way for the next one. */
  stopping = false;

  /** Once they have been read in this run. */
  settings: LinkSettings | undefined;

  private known: LinkFacts;
  private readonly results: Partial<Record<Job, unknown>> = {};
  private readonly outbox: Outbox;
  private retriesAskedFor = 0;

  constructor(
    readonly input: ProcessorLinkInput,
    carried: Carried | undefined,
    results: readonly unknown[],
  ) {
    this.known = carried?.facts ?? newLink(input, createdAt());
    this.inbox = new WebhookInbox(this, carried?.inbox);
    this.outbox = new Outbox(this);
    JOBS.forEach((job, index) => {
      if (results[index] !== undefined && results[index] !== null) this.results[job] = results[index];
    });
    describe(this.known);
  }

  /** What the next run is started with. */
  carry(): [ProcessorLinkInput, Carried, ...unknown[]] {
    const carried: Carried = { facts: this.known, inbox: this.inbox.carry() };
    const { sealedPublicToken, sealedAccessToken, ...input } = this.input;
    const token = this.known.sealedAccessToken === undefined && { sealedPublicToken };
    return [{ ...input, ...token }, carried, ...JOBS.map((job) => this.results[job] ?? null)];
  }

  get facts(): LinkFacts {
    return this.known;
  }

  get view(): LinkView {
    const { workflowId, runId } = workflowInfo();
    return viewOf(this.known, { workflowId, runId });
  }

  /** A job with its newest result; null for a job that the link does not have. */
  report(job: Job): JobReport | null {
    const facts = this.known.jobs[job];
    if (!facts) return null;
    const { state, run, reason } = facts;
    const result = this.results[job];
    return {
      job,
      state,
      run,
      ...(result !== undefined && { result }),
      ...(reason && { error: linkError(reason.code) }),
    };
  }

  /** The account that the link is for, as far as it is known. */
  get wantedAccount(): { known?: AccountIdentity; accountId?: string } {
    const { account: known, chosenAccountId } = this.known;
    const accountId = chosenAccountId ?? this.input.accountId;
    return { ...(known && { known }), ...(accountId !== undefined && { accountId }) };
  }

  isSettled(job: Job): boolean {
    const state = this.known.jobs[job]?.state;
    return state === undefined || isSettled(state);
  }

  /** Applies an event, and shows, lists and notifies of what it changed. */
  apply(event: LinkEvent): void {
    this.span.noteLength();
    const before = this.known;
    this.known = transition(before, event, new Date().toISOString());
    if (this.known === before) return;
    if (event.type === 'account_withdrawn' || event.type === 'ended') this.forgetResults();
    if (event.type === 'permission_revoked') this.story.cancel();
    if (event.type === 'repaired') this.inbox.forgetPlaidBodies();
    if (isQuiet(event)) return;
    describe(this.known);
    publish(this.known);
    measure(before, this.known);
    this.outbox.add(before, this.known);
  }

  /** Keeps a result, which completes its job. */
  complete(result: unknown, completed: Omit<EventOf<'job_completed'>, 'type'>): void {
    this.results[completed.job] = result;
    this.apply({ type: 'job_completed', ...completed });
  }

  /** As {@link StepObserver}: a step is being tried again. */
  stalled(step: string, reason: Reason): void {
    this.apply({ type: 'stalled', step, reason });
  }

  resumed(step: string): void {
    this.apply({ type: 'resumed', step });
  }

  /** As {@link StepObserver}: lets time pass before a step is tried again, unless an operator wants it at once. */
  async pause(ms: number, summary: string): Promise<void> {
    const before = this.retriesAskedFor;
    let isOver = false;
    const wanted = condition(() => isOver || this.retriesAskedFor !== before);
    // A timer that is no longer waited for does no harm; a scope to end it would not match existing histories.
    await Promise.race([sleep(ms, { summary }), wanted]);
    isOver = true;
  }

  retryNow(): void {
    this.retriesAskedFor += 1;
  }

  async configurationWaitMs(): Promise<number> {
    return (await this.readSettings()).configurationWaitMs;
  }

  /** Makes way when the run has come of age. Counts once, from the first call. */
  async limitAge(): Promise<void> {
    if (!this.span.isAging) this.span.limitAge((await this.readSettings()).runMaxAgeMs);
  }

  /** The caller will hear of everything. */
  get isTold(): boolean {
    return this.outbox.isEmpty;
  }

  /** The settings of this run: read once, or brought by a step. */
  async readSettings(): Promise<LinkSettings> {
    this.settings ??= await this.setup.readSettings();
    return this.settings;
  }

  useSettings(settings: LinkSettings): void {
    this.settings ??= settings;
  }

  private forgetResults(): void {
    for (const job of JOBS) delete this.results[job];
  }
}

/** When the request came, by the memo of the start: the same over the whole chain of runs. */
function createdAt(): string {
  const { startTime, memo } = workflowInfo();
  return (memo as Partial<LinkMemo> | undefined)?.createdAt ?? startTime.toISOString();
}
