import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import {
  CancellationScope,
  log,
  ParentClosePolicy,
  setCurrentDetails,
  startChild,
  upsertSearchAttributes,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import type { LinkError } from '../src/contract/failures';
import { JOBS, type Job } from '../src/contract/jobs';
import { NOTIFICATION_WORKFLOW_TYPE, SEARCH_ATTRIBUTES } from '../src/contract/names';
import type { NotificationEvent } from '../src/contract/notifications';
import type { LinkView } from '../src/contract/schemas';
import { isSettled, type JobState, type LinkState } from '../src/contract/states';
import type {
  JobReport,
  LinkMemo,
  LinkSettings,
  PlaidWebhookSignal,
  ProcessorLinkInput,
  SealedToken,
} from '../src/contract/workflow';
import { type LinkEvent, type LinkRecord, newLink, stateOf, transition, viewOf } from './link-state';
import { newsOf } from './notifications-of';
import { quickly, type StepFailure } from './steps';

/** What a run hands to the next. The results go beside it, each a payload of its own. */
export interface Carried {
  record: LinkRecord;
  sealedAccessToken?: SealedToken;
  sealedProcessorToken?: SealedToken;
  madeItem: boolean;
  mayBeRegistered: boolean;
  historyReady: boolean;
  accountRevoked: boolean;
  repairHinted: boolean;
  lost?: StepFailure;
  hints: Job[];
  seenBodies: string[];
  earlyPlaidWebhooks: PlaidWebhookSignal[];
}

/** Bodies of Atomic's webhooks that are remembered, to know a second delivery. */
const SEEN_BODIES = 1_000;
/** Plaid's webhooks that came before the link knew its Item. */
const EARLY_PLAID_WEBHOOKS = 20;

const LINK_STATE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkState, 'KEYWORD');
const LINK_JOBS = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkJobs, 'KEYWORD_LIST');
const PLAID_ITEM_ID = defineSearchAttributeKey(SEARCH_ATTRIBUTES.plaidItemId, 'KEYWORD');

/** States that last, and are worth an event in the history to be found by. The others pass in a moment. */
const PUBLISHED: readonly LinkState[] = [
  'waiting',
  'linked',
  'needs_attention',
  'unlinking',
  'unlinked',
  'failed',
];

/** A step of a job, which may take hours: the run does not make way meanwhile. A call that cleanup has to wait for. */
type Work = 'step' | 'settling';

/** One run of a link: the facts that handlers record, and the effects that follow from every change. */
export class LinkRun {
  record: LinkRecord;
  sealedAccessToken: SealedToken | undefined;
  sealedProcessorToken: SealedToken | undefined;
  /** Undo: an Item that we made has to be removed. */
  madeItem = false;
  /** Undo: Atomic may hold a registration. Set before the first one is tried. */
  mayBeRegistered = false;
  /** Plaid is known to have the full history, or it is no longer waited for. */
  historyReady = false;
  /** The bank withdrew the link's account: Atomic has to drop it. */
  accountRevoked = false;
  /** Plaid says that the sign-in works again: to be looked at. */
  repairHinted = false;
  /** The Item is lost for good: why the link has to fail. */
  lost: StepFailure | undefined;
  /** The run makes way for the next one. */
  stopping = false;
  /** The bank's user withdrew permission: an unlink that nobody asked us for. */
  revoked = false;
  /** All that ends with the link; cleanup runs outside of it. */
  readonly story = new CancellationScope();
  /** What there is to go by, once it has been read in this run. */
  settings: LinkSettings | undefined;
  private readonly underWay: Record<Work, number> = { step: 0, settling: 0 };
  private readonly waitsForNextRun = new Map<Job, () => void>();
  private isLong = false;
  /** Jobs that a webhook says have finished. */
  readonly hints: Set<Job>;
  readonly results: Partial<Record<Job, unknown>> = {};

  private readonly seenBodies: Set<string>;
  private readonly earlyPlaidWebhooks: PlaidWebhookSignal[];
  private readonly stalls = new Map<string, LinkError>();
  private readonly outbox: NotificationEvent[] = [];
  private published: string;

  constructor(
    readonly input: ProcessorLinkInput,
    carried: Carried | undefined,
    results: readonly unknown[],
  ) {
    const { startTime, memo } = workflowInfo();
    const createdAt = (memo as Partial<LinkMemo> | undefined)?.createdAt ?? startTime.toISOString();
    const accessToken = input.sealedAccessToken !== undefined;
    this.record = carried?.record ?? newLink(input.userId, input.jobs, { accessToken }, createdAt);
    this.sealedAccessToken = carried?.sealedAccessToken ?? input.sealedAccessToken;
    this.sealedProcessorToken = carried?.sealedProcessorToken;
    this.madeItem = carried?.madeItem ?? false;
    this.mayBeRegistered = carried?.mayBeRegistered ?? false;
    this.historyReady = carried?.historyReady ?? false;
    this.accountRevoked = carried?.accountRevoked ?? false;
    this.repairHinted = carried?.repairHinted ?? false;
    this.lost = carried?.lost;
    this.hints = new Set(carried?.hints);
    this.seenBodies = new Set(carried?.seenBodies);
    this.earlyPlaidWebhooks = [...(carried?.earlyPlaidWebhooks ?? [])];
    this.published = JSON.stringify(this.searchAttributes());
    JOBS.forEach((job, index) => {
      if (results[index] !== undefined && results[index] !== null) this.results[job] = results[index];
    });
    this.describe();
  }

  /** What the next run is started with. */
  carry(): [ProcessorLinkInput, Carried, ...unknown[]] {
    const carried: Carried = {
      record: this.record,
      ...(this.sealedAccessToken !== undefined && { sealedAccessToken: this.sealedAccessToken }),
      ...(this.sealedProcessorToken !== undefined && { sealedProcessorToken: this.sealedProcessorToken }),
      madeItem: this.madeItem,
      mayBeRegistered: this.mayBeRegistered,
      historyReady: this.historyReady,
      accountRevoked: this.accountRevoked,
      repairHinted: this.repairHinted,
      ...(this.lost && { lost: this.lost }),
      hints: [...this.hints],
      seenBodies: [...this.seenBodies],
      earlyPlaidWebhooks: this.earlyPlaidWebhooks,
    };
    return [this.input, carried, ...JOBS.map((job) => this.results[job] ?? null)];
  }

  get state(): LinkState {
    return stateOf(this.record);
  }

  get view(): LinkView {
    const { workflowId, runId } = workflowInfo();
    return viewOf(this.record, { workflowId, runId });
  }

  /** A job with its newest result; null for a job that the link does not have. */
  report(job: Job): JobReport | null {
    const record = this.record.jobs[job];
    if (!record) return null;
    const { state, run, error } = record;
    const result = this.results[job];
    return { job, state, run, ...(result !== undefined && { result }), ...(error && { error }) };
  }

  jobState(job: Job): JobState | undefined {
    return this.record.jobs[job]?.state;
  }

  isSettled(job: Job): boolean {
    const state = this.jobState(job);
    return state === undefined || isSettled(state);
  }

  /** The user has to act at the bank, or will have to once Atomic has dropped the account. */
  get needsUser(): boolean {
    return this.record.attention !== undefined || this.accountRevoked;
  }

  /** A processor token is there, nothing stands in its way, and the job has not been registered with it. */
  canRegister(job: Job): boolean {
    return this.record.connected && !this.needsUser && this.historyReady && this.jobState(job) === 'pending';
  }

  /** A webhook says that there is a result, and Atomic has been asked for one. */
  canFetch(job: Job): boolean {
    const record = this.record.jobs[job];
    if (!record || !this.hints.has(job)) return false;
    return record.state === 'registered' || (isSettled(record.state) && record.registeredAt !== undefined);
  }

  /** Applies an event, and shows, publishes and tells what it changed. */
  apply(event: LinkEvent): void {
    this.noteLength();
    const before = this.record;
    this.record = transition(before, event, new Date().toISOString());
    if (this.record === before) return;
    for (const [job, isThere] of this.waitsForNextRun) {
      if (this.record.jobs[job]?.run !== before.jobs[job]?.run) isThere();
    }
    this.describe();
    this.publish();
    this.tell(before);
  }

  /** Whether this body of a webhook is new; from then on it is known. */
  isNewBody(sha256: string): boolean {
    if (this.seenBodies.has(sha256)) return false;
    this.seenBodies.add(sha256);
    for (const oldest of this.seenBodies) {
      if (this.seenBodies.size <= SEEN_BODIES) break;
      this.seenBodies.delete(oldest);
    }
    return true;
  }

  /** Keeps a webhook that came before the Item was known. */
  keepEarly(signal: PlaidWebhookSignal): void {
    this.earlyPlaidWebhooks.push(signal);
    if (this.earlyPlaidWebhooks.length > EARLY_PLAID_WEBHOOKS) this.earlyPlaidWebhooks.shift();
  }

  takeEarly(): PlaidWebhookSignal[] {
    return this.earlyPlaidWebhooks.splice(0);
  }

  /** For `quickly`: shows that a step is being tried again, until {@link resumed}. */
  stalled(step: string): (error: LinkError) => void {
    return (error) => {
      this.stalls.set(step, error);
      this.apply({ type: 'stalled', error });
    };
  }

  resumed(step: string): void {
    if (!this.stalls.delete(step)) return;
    const [other] = this.stalls.values();
    this.apply(other ? { type: 'stalled', error: other } : { type: 'resumed' });
  }

  /** Work that others wait for has begun; {@link end} has to follow. */
  begin(...kinds: Work[]): void {
    for (const kind of kinds) this.underWay[kind] += 1;
  }

  end(...kinds: Work[]): void {
    for (const kind of kinds) this.underWay[kind] -= 1;
    this.noteLength();
  }

  /** No call is under way whose outcome decides what has to be undone. */
  get isSettledDown(): boolean {
    return this.underWay.settling === 0;
  }

  /** Resolves once the job's present run is over. One caller a job at a time; the one before is forgotten. */
  nextRun(job: Job): Promise<undefined> {
    return new Promise((resolve) => this.waitsForNextRun.set(job, () => resolve(undefined)));
  }

  /**
   * Notes whether the history has grown long. Only where something is handled that the history holds: a refused update
   * leaves no trace in it, so that a run that went by what it saw meanwhile would not replay.
   */
  noteLength(): void {
    this.isLong ||= workflowInfo().continueAsNewSuggested;
  }

  /** The history has grown long, and nothing is under way: the moment for the next run. */
  get shouldMakeWay(): boolean {
    return this.isLong && this.underWay.step === 0;
  }

  async readSettings(): Promise<LinkSettings> {
    this.settings ??= await quickly('readSettings', 'setup', () => undefined);
    return this.settings;
  }

  /** The processor token is of no more use, nor is what was heard of jobs that ran with it. */
  disconnect(): void {
    this.sealedProcessorToken = undefined;
    this.hints.clear();
  }

  /** Drops what must not be readable once the link has ended. */
  forget(): void {
    this.sealedAccessToken = undefined;
    this.sealedProcessorToken = undefined;
    for (const job of JOBS) delete this.results[job];
  }

  /** Starts a workflow of its own for each event in the outbox, those that come meanwhile too. */
  private async tellCaller(): Promise<void> {
    for (const event of this.outbox) {
      if (!(await this.readSettings()).notify) continue;
      await startChild(NOTIFICATION_WORKFLOW_TYPE, {
        workflowId: `${workflowInfo().workflowId}/notification/${event.id}`,
        args: [event],
        parentClosePolicy: ParentClosePolicy.ABANDON,
      });
    }
    this.outbox.length = 0;
  }

  /** Everything the caller is to hear of is on its way. */
  get isTold(): boolean {
    return this.outbox.length === 0;
  }

  /** Ends the link as the bank's user asked for. */
  revoke(): void {
    this.revoked = true;
    this.story.cancel();
  }

  private tell(before: LinkRecord): void {
    if (this.settings?.notify === false) return;
    const isTelling = !this.isTold;
    for (const news of newsOf(before, this.record)) this.outbox.push({ id: `msg_${uuid4()}`, ...news });
    if (!isTelling && !this.isTold) void CancellationScope.nonCancellable(() => this.tellCaller());
  }

  /** A line for operators in the Temporal UI; it costs no event. */
  private describe(): void {
    const { error, jobs, accountId } = this.view;
    const lines = [`**${this.state}**${error ? `: ${error.code}` : ''}`];
    if (accountId !== undefined) lines.push(`account ${accountId}`);
    for (const job of JOBS) if (jobs[job]) lines.push(`${job}: ${jobs[job].state}`);
    setCurrentDetails(lines.join('\n\n'));
  }

  private searchAttributes(): [LinkState, Job[], string | undefined] {
    return [this.state, JOBS.filter((job) => this.record.jobs[job] !== undefined), this.record.itemId];
  }

  /** Makes the link findable by its state, when that is one that lasts; every change is an event in the history. */
  private publish(): void {
    if (!PUBLISHED.includes(this.state) && !this.record.stalled) return;
    const attributes = this.searchAttributes();
    const now = JSON.stringify(attributes);
    if (now === this.published) return;
    this.published = now;
    const [state, jobs, itemId] = attributes;
    const updates: SearchAttributeUpdatePair[] = [
      { key: LINK_STATE, value: state },
      { key: LINK_JOBS, value: jobs },
    ];
    if (itemId !== undefined) updates.push({ key: PLAID_ITEM_ID, value: itemId });
    upsertSearchAttributes(updates);
    log.debug('link state published', { state });
  }
}
