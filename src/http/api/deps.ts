import type { FastifyBaseLogger } from 'fastify';
import type { Registry } from 'prom-client';
import type { FailureCode } from '../../contract/failures';
import type { Job, JobEvents } from '../../contract/jobs';
import type { PlaidEnvironment } from '../../contract/plaid';
import type { Erasure, JobResult, LinkSummary, LinkToken, LinkView, StartLink } from '../../contract/schemas';
import type { ApiScope } from '../../contract/scopes';
import type { IndexedLinkState } from '../../contract/states';
import type { AtomicWebhookSignal, LinkAppearance, PlaidWebhookSignal } from '../../contract/workflow';
import type { AuditLog } from '../../logging/audit-log';
import type { PlaidVerifier } from '../../webhooks/plaid-signature';
import type { ServerTimeouts } from '../server/server';

/** Said with every call, so that a request can be followed from here to the providers. */
export interface CallContext {
  requestId?: string;
}

export interface LinkQuery {
  state?: IndexedLinkState;
  job?: Job;
  errorCode?: FailureCode;
  pageSize?: number;
  pageToken?: string;
}

export type SignalOutcome = 'delivered' | 'no_open_link';

/**
 * What the HTTP API needs of LinkClient. Every method answers within 5 s, the two waits aside and the two repairs, which
 * ask Plaid on the way; it fails with an error whose `code` is a ProblemCode and whose message may be shown to callers.
 */
export interface LinkGateway {
  start(request: StartLink, context?: CallContext): Promise<{ link: LinkView; created: boolean }>;
  get(userId: string, context?: CallContext): Promise<LinkView>;
  hasOpenLink(userId: string, context?: CallContext): Promise<boolean>;
  list(query: LinkQuery, context?: CallContext): Promise<{ links: LinkSummary[]; nextPageToken?: string }>;
  runJob(userId: string, job: Job, context?: CallContext): Promise<LinkView>;
  /** Answers once the job is settled, or with its state as it is after `waitMs`. */
  waitForJob(
    userId: string,
    job: Job,
    options: { waitMs: number; signal?: AbortSignal } & CallContext,
  ): Promise<JobResult>;
  unlink(
    userId: string,
    options: { waitMs: number; runId?: string; signal?: AbortSignal } & CallContext,
  ): Promise<LinkView>;
  eraseUser(
    userId: string,
    options: { waitMs: number; signal?: AbortSignal } & CallContext,
  ): Promise<Erasure>;
  createRepairLinkToken(userId: string, options?: LinkAppearance & CallContext): Promise<LinkToken>;
  chooseAccount(userId: string, accountId: string, context?: CallContext): Promise<LinkView>;
  confirmRepair(userId: string, context?: CallContext): Promise<{ link: LinkView; alreadyRepaired: boolean }>;
  signalAtomicWebhook(
    userId: string,
    signal: AtomicWebhookSignal,
    context?: CallContext,
  ): Promise<SignalOutcome>;
  signalPlaidWebhook(
    userId: string,
    signal: PlaidWebhookSignal,
    context?: CallContext,
  ): Promise<SignalOutcome>;
  /** Rejects while Temporal cannot be reached. */
  checkReachable(): Promise<unknown>;
}

/** A caller's key; the name is what logs say of it, and keys of one name share one rate limit. */
export interface ApiKey {
  name: string;
  key: string;
  /** What it may be used for; everything, unless it says so. */
  scopes?: readonly ApiScope[];
}

/** Bounds on what is taken. For every rate and for load shedding, `0` turns it off. */
export interface HttpLimits {
  apiBodyBytes: number;
  webhookBodyBytes: number;
  /** Of /v1, by the name of the API key. */
  requestsPerMinutePerKey: number;
  /** Requests that wait, by the name of the API key. Half of what LinkClient takes, so that another key has the rest. */
  longPollsPerKey: number;
  /** Wrong keys and wrong signatures. Beyond it an address gets 429 in place of 401; what is right is served all the same. */
  refusalsPerMinutePerAddress: number;
  /** Above it requests other than probes are answered 503 at once. */
  maxEventLoopDelayMs: number;
  maxHeapUsedBytes: number;
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  apiBodyBytes: 16 * 1024,
  webhookBodyBytes: 256 * 1024,
  requestsPerMinutePerKey: 30_000,
  longPollsPerKey: 500,
  refusalsPerMinutePerAddress: 300,
  maxEventLoopDelayMs: 1000,
  maxHeapUsedBytes: 0,
};

export interface LinkTokenRequest extends LinkAppearance {
  userId: string;
  webhookUrl: string;
}

export interface AppDeps {
  links: LinkGateway;
  /** Plaid's Link token for a new Item; may fail with a ProviderError. */
  createLinkToken(request: LinkTokenRequest, options?: CallContext): Promise<LinkToken>;
  /** Tokens and webhooks of the other one are refused. */
  plaidEnvironment: PlaidEnvironment;
  /** Under which Plaid reaches this service, without the path: `https://links.example.com`. */
  publicUrl: string;
  /** Read on every request, so that keys and secrets can be rotated without a restart. */
  apiKeys(): readonly ApiKey[];
  atomicWebhookSecrets(): readonly string[];
  /** Names of Atomic's events that tell of a finished job; the documented ones by default. */
  atomicEvents?: JobEvents;
  verifyPlaidWebhook: PlaidVerifier;
  logger: FastifyBaseLogger | false;
  /** One event per request under /v1. Default: none is written. */
  audit?: AuditLog;
  /** One app a registry: metrics are registered in it once. */
  metrics: Registry;
  limits?: Partial<HttpLimits>;
  timeouts?: Partial<ServerTimeouts>;
  /** The only names, beside this machine's own and addresses, under which it answers. Default: any. */
  hostNames?: readonly string[];
  /** Proxies whose `X-Forwarded-For` is believed, as Fastify's `trustProxy` takes them; none by default. */
  trustProxy?: string | string[];
}
