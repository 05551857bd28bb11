/**
 * All that is known of a link: one object, which events alone change (`transition.ts`) and which goes over whole to the next
 * run. Plain JSON, no clock and no I/O.
 */
import type { FailureCode } from '../src/contract/failures';
import { JOBS, type Job } from '../src/contract/jobs';
import type { AccountChoice, JobView, LinkView } from '../src/contract/schemas';
import type { AccountIdentity, ProcessorLinkInput, SealedToken } from '../src/contract/workflow';
import type { Reason } from './step-failure';

export interface JobFacts extends Omit<JobView, 'error'> {
  /** Counts the runs of the job, from 1. */
  run: number;
  /** Of the newest result's raw body: a poll must not take it for the result of the next run. */
  sha256?: string;
  /** A webhook says that there is a result, and it has not been looked at since. */
  hint?: Hint;
  /** How far the polls had come when a run stopped waiting for the webhook, in milliseconds since the registration. */
  polledMs?: number;
  /** Why it failed. */
  reason?: Reason;
}

/** What a webhook of Atomic's says beside that a job has ended. */
export interface Hint {
  eventTime?: string;
  failed?: true;
}

export interface LinkFacts {
  userId: string;
  itemId?: string;
  account?: AccountIdentity;
  jobs: Partial<Record<Job, JobFacts>>;
  /** The exchange is behind it. */
  sealedAccessToken?: SealedToken;
  /** For the link's account. */
  sealedProcessorToken?: SealedToken;
  /** Undo: an Item that we made has to be removed. */
  madeItem: boolean;
  /** Undo: Atomic may hold a registration. Set before the first one is tried. */
  mayBeRegistered: boolean;
  /** When a registration was sent that may have reached Atomic unheard, and may still. */
  unheardRegistrationAt?: string;
  /** Atomic has answered a registration with the present processor token, one way or the other. */
  registered: boolean;
  /** Atomic has taken a registration of this link at least once. */
  accepted: boolean;
  /** Plaid is known to have the full history, or it is no longer waited for. */
  historyReady: boolean;
  /** When the wait for the full history began, in workflow time. */
  historyAwaitedSince?: string;
  /** The bank withdrew the link's account: Atomic has to drop it. */
  accountRevoked: boolean;
  /** The bank's user withdrew permission: an unlink that was not requested here. */
  permissionRevoked: boolean;
  /** Something suggests that the Item has changed: it is to be looked at. */
  lookWanted: boolean;
  /** Somebody says that the user has signed in again. */
  repairClaimed?: true;
  /** The Item is lost for good: why the link has to fail. */
  lost?: Reason;
  /** Why the user has to act: at the bank, or by choosing an account. */
  attention?: FailureCode;
  /** When the link began to wait for its user, in workflow time. */
  attentionSince?: string;
  /** How far the looks at the Item had come when a run stopped waiting for the user, in milliseconds since then. */
  looksMs?: number;
  /** The user has not consented to what Atomic reads. */
  lacksConsent?: true;
  /** What the user can choose from, while the account is unclear. */
  choices?: AccountChoice[];
  /** The account that the user has chosen since the start. */
  chosenAccountId?: string;
  /** Steps that are being tried again, by name, and why. */
  stalls: Readonly<Record<string, Reason>>;
  warning?: NonNullable<LinkView['warning']>;
  /** A warning that came, until the Item has been looked at. */
  warningHeard?: NonNullable<LinkView['warning']>;
  /** The last warning that a repair has settled: a late copy of it means nothing. */
  settledWarning?: NonNullable<LinkView['warning']>;
  /** Why the link fails; set when the cleanup begins. */
  failure?: Reason;
  ending?: 'unlinking' | 'unlinked' | 'failed';
  /** When the link came to the state that it is listed under. */
  stateSince: string;
  /** When all jobs were settled for the first time. */
  linkedAt?: string;
  createdAt: string;
  updatedAt: string;
}

export type AccountProblem = 'account_required' | 'account_not_found';

export type LinkEvent =
  | { type: 'exchanged'; itemId: string; sealedAccessToken: SealedToken }
  | { type: 'item_known'; itemId: string }
  | {
      type: 'processor_token_created';
      account: AccountIdentity;
      sealedProcessorToken: SealedToken;
      /** Register only once Plaid has the full history. */
      awaitHistory: boolean;
    }
  | { type: 'history_ready' }
  | { type: 'job_requested'; job: Job }
  | { type: 'registration_begun'; job: Job }
  | { type: 'job_registered'; job: Job }
  /** How a registration ended is not known: it was sent so long ago. */
  | { type: 'registration_unheard'; sentMs: number }
  | { type: 'webhook_came'; job: Job; hint: Hint }
  /** The run makes way for the next one meanwhile. */
  | { type: 'wait_interrupted'; job: Job; polledMs: number }
  | { type: 'fetch_started'; job: Job }
  | { type: 'result_missing'; job: Job }
  | { type: 'job_completed'; job: Job; via: 'webhook' | 'poll'; sha256: string; eventTime?: string }
  | { type: 'job_failed'; job: Job; reason: Reason }
  | { type: 'stalled'; step: string; reason: Reason }
  | { type: 'resumed'; step: string }
  | { type: 'look_wanted'; repairClaimed?: true }
  | { type: 'looked' }
  /** The run makes way for the next one while it waits for the user. */
  | { type: 'looks_interrupted'; looksMs: number }
  | { type: 'attention_needed'; code: FailureCode; lacksConsent?: true }
  | { type: 'account_unclear'; code: AccountProblem; choices: AccountChoice[] }
  /** The user has chosen one of the choices. */
  | { type: 'account_chosen'; accountId: string }
  /** The Item was found in order. `confirmed`: because somebody says that the user has signed in again. */
  | { type: 'repaired'; account?: AccountIdentity; confirmed?: boolean }
  | { type: 'item_lost'; reason: Reason }
  | { type: 'account_revoked' }
  | { type: 'account_withdrawn' }
  | { type: 'tokens_resealed'; sealedAccessToken?: SealedToken; sealedProcessorToken?: SealedToken }
  | { type: 'permission_revoked' }
  | { type: 'warning_heard'; warning: NonNullable<LinkView['warning']> }
  | { type: 'warned'; warning: NonNullable<LinkView['warning']> }
  | { type: 'ending'; failure?: Reason }
  | { type: 'ended' };

export type EventOf<T extends LinkEvent['type']> = Extract<LinkEvent, { type: T }>;

/** A link of which nothing has been done yet. `createdAt` is ISO 8601. */
export function newLink(
  { userId, jobs, sealedAccessToken }: Pick<ProcessorLinkInput, 'userId' | 'jobs' | 'sealedAccessToken'>,
  createdAt: string,
): LinkFacts {
  const link: LinkFacts = {
    userId,
    jobs: {},
    ...(sealedAccessToken !== undefined && { sealedAccessToken }),
    madeItem: false,
    mayBeRegistered: false,
    registered: false,
    accepted: false,
    historyReady: false,
    accountRevoked: false,
    permissionRevoked: false,
    lookWanted: false,
    stalls: {},
    stateSince: createdAt,
    createdAt,
    updatedAt: createdAt,
  };
  for (const job of JOBS) if (jobs.includes(job)) link.jobs[job] = { state: 'pending', run: 1 };
  return link;
}

/** The jobs of the link, in the order of the contract. */
export function jobsOf(link: LinkFacts): JobFacts[] {
  return JOBS.flatMap((job) => link.jobs[job] ?? []);
}

type OptionalKey<T> = {
  [K in keyof T]-?: undefined extends T[K] ? K : Record<never, never> extends Pick<T, K> ? K : never;
}[keyof T];

/** The facts without those that they may lack. */
export function without<T extends object>(facts: T, ...keys: OptionalKey<T>[]): T {
  const left: readonly PropertyKey[] = keys;
  return Object.fromEntries(Object.entries(facts).filter(([key]) => !left.includes(key))) as T;
}
