import { ApplicationFailure } from '@temporalio/activity';
import {
  FAILURES,
  type FailureClass,
  type FailureCode,
  failureCodeOf,
  isPassing,
} from '../src/contract/failures';
import type { ProviderError, ProviderFailure } from '../src/providers/provider-error';

/** What a workflow may need to know of a provider's failure, beside its code. Carried as the failure's detail. */
export interface FailureDetails {
  failureClass: FailureClass;
  provider: ProviderFailure['provider'];
  providerCode: string;
  providerRequestId?: string;
  /** The delay before the next attempt, where it is not the policy's: a failure that was read back has lost its own. */
  retryDelayMs?: number;
}

/** A refusal that is a gateway's page is tried again up to this often, then taken at its word. */
const FOREIGN_ATTEMPTS = 5;

/** How often a step may be tried, beside its retry budget. */
export interface AttemptLimits {
  /** Even a refusal is tried again, at growing intervals: for what has to be undone. */
  endless?: boolean;
  /**
   * The attempt of this number is the last, when no definite answer came: a fault that says when to come back is one
   * of those too. A rate limit and a bank that is down are definite.
   */
  attempts?: number;
}

/**
 * The one translation of provider failures into what Temporal records: the type is a code of the closed list, the
 * message is ours, and the delay before the next attempt follows from the class. `attempt` counts from 1.
 */
export function toApplicationFailure(
  error: ProviderError,
  attempt: number,
  { endless = false, attempts = Number.POSITIVE_INFINITY }: AttemptLimits = {},
): ApplicationFailure {
  const { failureClass, provider, code, requestId } = error.failure;
  const type = failureCodeOf(failureClass, code);
  const isPage = error.failure.foreign === true && attempt < FOREIGN_ATTEMPTS;
  const canPass = isPassing(failureClass) || isPage;
  const delayMs =
    endless && !canPass ? doubling(10_000, attempt, 3_600_000) : nextRetryDelay(error.failure, attempt);
  const isLast = failureClass === 'transient' && attempt >= attempts;
  const details: FailureDetails = {
    failureClass,
    provider,
    providerCode: code,
    ...(requestId !== undefined && { providerRequestId: requestId }),
    ...(delayMs !== undefined && { retryDelayMs: delayMs }),
  };
  return ApplicationFailure.create({
    type,
    message: `${FAILURES[type].message} [${error.message}]`,
    nonRetryable: !endless && (!canPass || isLast),
    details: [details],
    ...(delayMs !== undefined && { nextRetryDelay: delayMs }),
  });
}

/** A failure that no further attempt can change, by its code alone. */
export function permanentFailure(code: FailureCode): ApplicationFailure {
  return ApplicationFailure.nonRetryable(FAILURES[code].message, code);
}

/** The class of a provider's failure that {@link toApplicationFailure} translated; undefined for any other error. */
export function failureClassOf(error: unknown): FailureClass | undefined {
  if (!(error instanceof ApplicationFailure)) return undefined;
  const [details] = (error.details ?? []) as Partial<FailureDetails>[];
  return details?.failureClass;
}

export function isRetryable(error: unknown): boolean {
  return error instanceof ApplicationFailure && error.nonRetryable !== true;
}

/** Milliseconds before the next attempt; undefined leaves it to the retry policy (1 s, doubling, to 60 s). */
function nextRetryDelay(
  { failureClass, retryAfterMs }: ProviderFailure,
  attempt: number,
): number | undefined {
  if (failureClass === 'bank_down') return doubling(5 * 60_000, attempt, 2 * 3_600_000);
  if (retryAfterMs !== undefined) return retryAfterMs;
  if (failureClass === 'rate_limited') return doubling(5_000, attempt, 120_000);
  return undefined;
}

function doubling(firstMs: number, attempt: number, maxMs: number): number {
  return Math.min(firstMs * 2 ** (attempt - 1), maxMs);
}
