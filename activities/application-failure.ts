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
  /** Attempts at the step so far, this one included. */
  attempts?: number;
  /** Set where no definite answer came, so that the call may have taken effect: milliseconds since it was sent. */
  mayHaveHappenedMs?: number;
}

/** A refusal that is a gateway's page is tried again up to this often, then taken at its word. */
const FOREIGN_ATTEMPTS = 5;
/** So long after it was sent, a request has either arrived or never will. */
const LATEST_ARRIVAL_MS = 30_000;

/** How often a step may be tried, beside its retry budget. */
export interface AttemptLimits {
  /** Even a refusal is tried again, at growing intervals: for what has to be undone. */
  endless?: boolean;
  /** A call that changes something at the provider is not sent again while it may still arrive. */
  effect?: boolean;
  /** Once no definite answer came, the workflow decides whether the call may be made again. */
  once?: boolean;
}

/** One attempt: its number, from 1, and milliseconds since it was sent. */
export interface Attempt {
  number: number;
  elapsedMs: number;
}

/**
 * The one translation of provider failures into what Temporal records: the type is a code of the closed list, the
 * message is ours, and the delay before the next attempt follows from the class.
 */
export function toApplicationFailure(
  error: ProviderError,
  attempt: Attempt,
  { endless = false, effect = false, once = false }: AttemptLimits = {},
): ApplicationFailure {
  const { failureClass, provider, code, requestId, ambiguous } = error.failure;
  const isPage = error.failure.foreign === true && attempt.number < FOREIGN_ATTEMPTS;
  const type = isPage ? 'provider_unavailable' : failureCodeOf(failureClass, code);
  // An operator's mistake is mended while the step waits.
  const canPass = isPassing(failureClass) || failureClass === 'configuration' || isPage;
  const delayMs =
    endless && !canPass
      ? doubling(10_000, attempt.number, 3_600_000)
      : nextRetryDelay(
          isPage ? { ...error.failure, failureClass: 'transient' } : error.failure,
          attempt,
          effect,
        );
  const details: FailureDetails = {
    failureClass,
    provider,
    providerCode: code,
    ...(requestId !== undefined && { providerRequestId: requestId }),
    ...(delayMs !== undefined && { retryDelayMs: delayMs }),
    attempts: attempt.number,
    ...(ambiguous && { mayHaveHappenedMs: attempt.elapsedMs }),
  };
  return ApplicationFailure.create({
    type,
    message: `${FAILURES[type].message} [${error.message}]`,
    nonRetryable: !endless && (!canPass || (once && ambiguous)),
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
  { failureClass, retryAfterMs, code }: ProviderFailure,
  { number, elapsedMs }: Attempt,
  effect: boolean,
): number | undefined {
  if (failureClass === 'bank_down') return doubling(5 * 60_000, number, 2 * 3_600_000);
  if (retryAfterMs !== undefined) return retryAfterMs;
  if (failureClass === 'rate_limited') return doubling(5_000, number, 120_000);
  if (failureClass === 'configuration') return doubling(30_000, number, 600_000);
  if (effect && code === 'TIMEOUT') return Math.max(LATEST_ARRIVAL_MS - elapsedMs, 1_000);
  return undefined;
}

function doubling(firstMs: number, attempt: number, maxMs: number): number {
  return Math.min(firstMs * 2 ** (attempt - 1), maxMs);
}
