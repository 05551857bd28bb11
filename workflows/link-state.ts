/**
 * What is known of a link, and how each event changes it: pure functions, no clock and no I/O. The workflow applies
 * events; the LinkView is read off the record.
 */

import { type FailureCode, type LinkError, linkError } from '../src/contract/failures';
import { JOBS, type Job } from '../src/contract/jobs';
import type { JobView, LinkView } from '../src/contract/schemas';
import { isSettled, type LinkState } from '../src/contract/states';
import type { AccountIdentity } from '../src/contract/workflow';

export interface JobRecord extends JobView {
  /** Counts the runs of the job, from 1. */
  run: number;
  /** Of the newest result's raw body: a poll must not take it for the result of the next run. */
  sha256?: string;
}

export interface LinkRecord {
  userId: string;
  itemId?: string;
  account?: AccountIdentity;
  jobs: Partial<Record<Job, JobRecord>>;
  /** Has an access token: the exchange is behind it. */
  exchanged: boolean;
  /** Has a processor token for its account. */
  connected: boolean;
  /** Atomic has answered a registration with the present processor token, one way or the other. */
  registered: boolean;
  /** Atomic has taken a registration of this link at least once. */
  accepted: boolean;
  /** The user has to act at the bank. */
  attention?: LinkError;
  /** A step that is being tried again, and why. */
  stalled?: LinkError;
  warning?: NonNullable<LinkView['warning']>;
  /** Why the link fails; set when the cleanup begins. */
  failure?: LinkError;
  ending?: 'unlinking' | 'unlinked' | 'failed';
  createdAt: string;
  updatedAt: string;
}

export type LinkEvent =
  | { type: 'exchanged'; itemId: string }
  | { type: 'processor_token_created'; itemId: string; account: AccountIdentity }
  | { type: 'job_requested'; job: Job }
  | { type: 'job_registered'; job: Job }
  | { type: 'fetch_started'; job: Job }
  | { type: 'result_missing'; job: Job }
  | { type: 'job_completed'; job: Job; via: 'webhook' | 'poll'; sha256: string }
  | { type: 'job_failed'; job: Job; error: LinkError }
  | { type: 'stalled'; error: LinkError }
  | { type: 'resumed' }
  | { type: 'attention_needed'; code: FailureCode }
  /** The Item was found in order. `confirmed`: because somebody says that the user has signed in again. */
  | { type: 'repaired'; account?: AccountIdentity; confirmed?: boolean }
  | { type: 'account_withdrawn' }
  | { type: 'warned'; warning: NonNullable<LinkView['warning']> }
  | { type: 'ending'; failure?: LinkError }
  | { type: 'ended' };

export function newLink(
  userId: string,
  jobs: readonly Job[],
  has: { accessToken: boolean },
  createdAt: string,
): LinkRecord {
  const link: LinkRecord = {
    userId,
    jobs: {},
    exchanged: has.accessToken,
    connected: false,
    registered: false,
    accepted: false,
    createdAt,
    updatedAt: createdAt,
  };
  for (const job of JOBS) if (jobs.includes(job)) link.jobs[job] = { state: 'pending', run: 1 };
  return link;
}

/** The state of a link, read off what is known of it. */
export function stateOf(link: LinkRecord): LinkState {
  if (link.ending) return link.ending;
  if (link.attention) return 'needs_attention';
  if (!link.exchanged) return 'exchanging';
  if (!link.connected) return 'creating_processor_token';
  const unsettled = jobsOf(link).filter((job) => !isSettled(job.state));
  if (unsettled.length === 0) return 'linked';
  return link.registered ? 'waiting' : 'registering';
}

/** The moves that {@link stateOf} can make, by any event; a link never leaves `unlinked` and `failed`. */
export const LINK_EDGES: Readonly<Record<LinkState, readonly LinkState[]>> = {
  exchanging: ['creating_processor_token', 'needs_attention', 'unlinking'],
  creating_processor_token: ['registering', 'linked', 'needs_attention', 'unlinking'],
  registering: ['creating_processor_token', 'waiting', 'linked', 'needs_attention', 'unlinking'],
  waiting: ['creating_processor_token', 'linked', 'needs_attention', 'unlinking'],
  linked: ['creating_processor_token', 'registering', 'waiting', 'needs_attention', 'unlinking'],
  needs_attention: [
    'exchanging',
    'creating_processor_token',
    'registering',
    'waiting',
    'linked',
    'unlinking',
  ],
  unlinking: ['unlinked', 'failed'],
  unlinked: [],
  failed: [],
};

/** The link after an event. An event that means nothing now returns the very same record. */
export function transition(link: LinkRecord, event: LinkEvent, at: string): LinkRecord {
  const next = apply(link, event, at);
  return next === link ? link : { ...next, updatedAt: at };
}

function apply(link: LinkRecord, event: LinkEvent, at: string): LinkRecord {
  if (link.ending) return applyWhileEnding(link, event);
  switch (event.type) {
    case 'exchanged':
      return { ...link, exchanged: true, itemId: event.itemId };
    case 'processor_token_created':
      return { ...link, connected: true, itemId: event.itemId, account: event.account };
    case 'job_requested': {
      const job = link.jobs[event.job];
      if (job && !isSettled(job.state)) return link;
      return withJob(link, event.job, {
        state: 'pending',
        run: (job?.run ?? 0) + 1,
        ...(job?.sha256 !== undefined && { sha256: job.sha256 }),
      });
    }
    case 'job_registered': {
      const job = link.jobs[event.job];
      if (job?.state !== 'pending') return link;
      return {
        ...withJob(link, event.job, { ...job, state: 'registered', registeredAt: at }),
        registered: true,
        accepted: true,
      };
    }
    case 'fetch_started':
      return moveJob(link, event.job, 'registered', 'fetching');
    case 'result_missing':
      return moveJob(link, event.job, 'fetching', 'registered');
    case 'job_completed': {
      const { error: _, ...job } = link.jobs[event.job] ?? { run: 1 };
      const completed: JobRecord = {
        ...job,
        state: 'completed',
        completedAt: at,
        via: event.via,
        sha256: event.sha256,
      };
      return withJob(link, event.job, completed);
    }
    case 'job_failed': {
      const job = link.jobs[event.job];
      if (!job) return link;
      return {
        ...withJob(link, event.job, { ...job, state: 'failed', error: event.error }),
        registered: true,
      };
    }
    case 'stalled':
      return { ...link, stalled: event.error };
    case 'resumed':
      return link.stalled ? without(link, 'stalled') : link;
    case 'attention_needed':
      return { ...link, attention: attentionFor(event.code) };
    case 'repaired': {
      const { account } = event;
      const moved = account !== undefined && account.accountId !== link.account?.accountId;
      if (!link.attention && !moved && !(link.warning && event.confirmed)) return link;
      const repaired = without(without(link, 'attention'), 'warning');
      return moved ? unregister({ ...repaired, account }) : repaired;
    }
    case 'account_withdrawn':
      return { ...unregister(link), attention: attentionFor('access_revoked') };
    case 'warned':
      return { ...link, warning: event.warning };
    case 'ending':
      return {
        ...without(without(link, 'attention'), 'stalled'),
        ending: 'unlinking',
        ...(event.failure && { failure: event.failure }),
      };
    case 'ended':
      return link;
  }
}

function applyWhileEnding(link: LinkRecord, event: LinkEvent): LinkRecord {
  if (link.ending !== 'unlinking') return link;
  switch (event.type) {
    case 'stalled':
      return { ...link, stalled: event.error };
    case 'resumed':
      return link.stalled ? without(link, 'stalled') : link;
    case 'ended':
      return { ...without(link, 'stalled'), ending: link.failure ? 'failed' : 'unlinked' };
    default:
      return link;
  }
}

/** Whatever the reason, update mode on the same Item is what helps while the link waits for the user. */
function attentionFor(code: FailureCode): LinkError {
  return { ...linkError(code), action: 'repair' };
}

/** Atomic has to be told anew: what it holds is for an account that is gone. A job that failed stays failed. */
function unregister(link: LinkRecord): LinkRecord {
  const jobs: LinkRecord['jobs'] = {};
  for (const job of JOBS) {
    const record = link.jobs[job];
    if (!record) continue;
    const { registeredAt: _, ...kept } = record;
    const { sha256, run } = record;
    const again: JobRecord = { state: 'pending', run: run + 1, ...(sha256 !== undefined && { sha256 }) };
    jobs[job] = record.state === 'failed' || record.state === 'pending' ? kept : again;
  }
  return { ...link, jobs, connected: false, registered: false };
}

function withJob(link: LinkRecord, job: Job, record: JobRecord): LinkRecord {
  return { ...link, jobs: { ...link.jobs, [job]: record } };
}

function moveJob(link: LinkRecord, job: Job, from: JobRecord['state'], to: JobRecord['state']): LinkRecord {
  const record = link.jobs[job];
  return record?.state === from ? withJob(link, job, { ...record, state: to }) : link;
}

function without<K extends 'attention' | 'stalled' | 'warning'>(link: LinkRecord, key: K): LinkRecord {
  const { [key]: _, ...rest } = link;
  return rest as LinkRecord;
}

function jobsOf(link: LinkRecord): JobRecord[] {
  return JOBS.flatMap((job) => link.jobs[job] ?? []);
}

/** Every job was refused before Atomic took one: nothing is left that this link could do. */
export function isRefused(link: LinkRecord): boolean {
  return !link.accepted && jobsOf(link).every((job) => job.state === 'failed');
}

/** The LinkView: allow-listed fields, in the contract's order. */
export function viewOf(link: LinkRecord, run: { workflowId: string; runId: string }): LinkView {
  const error = link.failure ?? link.attention;
  const shown = link.ending === 'unlinking' ? (link.stalled ?? error) : (error ?? link.stalled);
  const jobs: LinkView['jobs'] = {};
  for (const job of JOBS) {
    const record = link.jobs[job];
    if (record) {
      const { run: _run, sha256: _sha256, ...view } = record;
      jobs[job] = view;
    }
  }
  return {
    userId: link.userId,
    state: stateOf(link),
    ...(link.itemId !== undefined && { itemId: link.itemId }),
    ...(link.account && { accountId: link.account.accountId }),
    jobs,
    ...(shown && { error: shown }),
    ...(link.warning && { warning: link.warning }),
    workflowId: run.workflowId,
    runId: run.runId,
    createdAt: link.createdAt,
    updatedAt: link.updatedAt,
  };
}
