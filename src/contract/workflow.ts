/** What goes in and out of the workflow `processorLink`: types alone. */
import type { Job } from './jobs';
import type { LinkView } from './schemas';
import type { JobState } from './states';

/**
 * A bank token sealed to the workers' public key, for one user and kind (see `TokenSealer`). Workflows carry it and cannot
 * read it; only activities open it.
 */
export type SealedToken = string;

/** Input of `processorLink`. Exactly one of the two tokens is set. */
export interface ProcessorLinkInput {
  userId: string;
  accountId?: string;
  sealedPublicToken?: SealedToken;
  sealedAccessToken?: SealedToken;
  jobs: Job[];
}

/** What is sealed. */
export type TokenKind = 'publicToken' | 'accessToken' | 'processorToken';

/** Seals tokens to the workers; a sealed token opens only for the namespace, user and kind it was sealed for. */
export interface TokenSealer {
  seal(kind: TokenKind, userId: string, token: string): Promise<SealedToken>;
}

/** What workers alone have: it opens sealed tokens. */
export interface TokenOpener extends TokenSealer {
  /** Rejects when the text was altered, belongs to another user or kind, or its key is not there. */
  open(kind: TokenKind, userId: string, sealed: SealedToken): Promise<string>;
  /** The token sealed to the first key; the same text when it is already. */
  reseal(kind: TokenKind, userId: string, sealed: SealedToken): Promise<SealedToken>;
  /** Seals a Link token for the caller who asked for it, to the key that came with the question. */
  sealReply(replyKey: string, userId: string, token: string): Promise<SealedToken>;
}

/** Signal `atomicWebhook`: Atomic says that a job has finished. A hint to fetch, never data. */
export interface AtomicWebhookSignal {
  job: Job;
  /** SHA-256 of the raw body, hex: Atomic signs nothing but the body, so this is what tells duplicates. */
  bodySha256: string;
  /** When the event happened, as Atomic says. */
  eventTime?: string;
  /** The event says that the job has failed: where there is no result then, there will be none. */
  failed?: true;
}

/** Signal `plaidWebhook`: what a Plaid webhook means for a link. A hint to look, revocations aside. */
export type PlaidWebhookSignal = { itemId: string; bodySha256: string } & (
  | { kind: 'sign_in_required' }
  | { kind: 'sign_in_repaired' }
  | { kind: 'pending_disconnect'; until?: string }
  | { kind: 'pending_expiration'; until?: string }
  | { kind: 'permission_revoked' }
  | { kind: 'account_revoked'; accountId: string }
  | { kind: 'history_ready' }
  /** Anything else about the Item: a hint to look where the link waits for its user. */
  | { kind: 'item_heard_of' }
);

/** Update `runJob`: a further job, or one again. Joins a run of the same job that is under way. */
export interface RunJobUpdate {
  job: Job;
}

/**
 * Update `waitForJob`: returns once the job is settled, or `settled: false` when the run makes way for the next or, with
 * `unlinking`, when the link is being removed.
 */
export interface WaitForJobUpdate {
  job: Job;
}
export interface WaitForJobAnswer {
  settled: boolean;
  unlinking?: true;
}

/** Query `getJobResult`, by job. `run` counts the job's runs, so that waiting can name the one it waits for. */
export interface JobReport {
  job: Job;
  state: JobState;
  run: number;
  /** JSON text, exactly as Atomic sent it; in runs of older builds the value that it parses to. */
  result?: unknown;
  error?: LinkView['error'];
}

/** How Link is to look for one user, where that is not as the settings have it. */
export interface LinkAppearance {
  /** Where OAuth banks send the user back to: one of those that the Plaid Dashboard allows. */
  redirectUri?: string;
  /** Two letters, such as `en`. */
  language?: string;
}

/** Update `createRepairLinkToken`: a Link token of update mode. */
export interface CreateRepairLinkTokenUpdate extends LinkAppearance {
  /** Public key of this one question, base64url: the answer is sealed to it, so that only who asked can open it. */
  replyKey: string;
}
export interface RepairLinkTokenAnswer {
  sealedLinkToken: SealedToken;
  expiration: string;
}

/**
 * Update `chooseAccount`: the account that the user picked of the view's `choices`. Answers with the LinkView; refused
 * with `account_not_found`, `not_needed` and `not_linked`.
 */
export interface ChooseAccountUpdate {
  accountId: string;
}

/** Kept in the memo at start; the payload codec encrypts it. */
export interface LinkMemo {
  /** `<key id>:<HMAC>` of token, account and set of jobs: tells the same request from another one. */
  fingerprint: string;
  /** When the request came, ISO 8601: `createdAt` of the whole chain of runs. */
  createdAt: string;
}

/** What a link's workflow takes from the settings, read by each run at its start. Milliseconds. */
export interface LinkSettings {
  resultOverdueAfterMs: number;
  resultGiveUpAfterMs: number;
  /** 0: register at once. */
  waitForHistoryMs: number;
  /** How long a step waits for an operator where keys or set-up are refused. */
  configurationWaitMs: number;
  /** How long a link waits for its user before it fails. */
  attentionGiveUpAfterMs: number;
  /** When a run continues as new at the latest. */
  runMaxAgeMs: number;
  removeItemOnUnlink: boolean;
  /** Whether the caller gets notifications. */
  notify: boolean;
}

/** What is remembered of a link's account, to find it again when the bank gives it another `account_id`. */
export interface AccountIdentity {
  accountId: string;
  persistentAccountId?: string;
  mask?: string;
  subtype?: string;
}
