/** The activities a link calls, each under a named retry budget. */
import type { RetryPolicy } from '@temporalio/common';
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  proxyActivities,
  sleep,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { FailureDetails } from '../activities/application-failure';
import { type FailureCode, isFailureCode, type LinkError, linkError } from '../src/contract/failures';

/** Longer than a provider client's deadline of 15 s, twice over: some steps make two calls. */
const START_TO_CLOSE = '40s';
/** 1 s, doubling, to 60 s; a failure that names its own delay (rate limits, banks that are down) overrides it. */
const BACKOFF = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '60s' } as const;

/** Once begun, a call is waited for even while unlinking: its outcome decides what has to be undone. */
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

const BUDGETS = {
  /** The public token lives 30 minutes; the activity itself stops after three attempts without an answer. */
  exchange: { scheduleToCloseTimeout: '30m' },
  /** A bank may be down for a day before the link is given up. */
  setup: { scheduleToCloseTimeout: '24h' },
  /** A result that cannot be read now is polled for later. */
  result: { scheduleToCloseTimeout: '1h' },
  /** Somebody waits for the answer. */
  interactive: { scheduleToCloseTimeout: '20s' },
  /** What was registered or made must go, however long that takes. */
  cleanup: {},
  /** Standard Webhooks are retried for a day. */
  notification: { scheduleToCloseTimeout: '24h' },
} as const;
export type Budget = keyof typeof BUDGETS;

type Step = keyof Activities;
type Request<S extends Step> = Parameters<Activities[S]>;
type Answer<S extends Step> = Awaited<ReturnType<Activities[S]>>;

/** Runs a step with its whole retry budget. */
export async function visibly<S extends Step>(
  step: S,
  budget: Budget,
  ...request: Request<S>
): Promise<Answer<S>> {
  return run(step, budget, BACKOFF, request);
}

/**
 * Runs a step with one attempt, and where that fails in a way that can pass, with its whole retry budget. `onStall` hears of
 * the first failure, which a single activity would keep to itself until its budget is spent.
 *
 * Not as a local activity, though that would cost less: when one ends while the worker answers a query, the SDK (1.24) tells
 * the workflow of it a task later than the history says. Such a history does not replay, and the link would never go on.
 */
export async function quickly<S extends Step>(
  step: S,
  budget: Budget,
  onStall: (error: LinkError) => void,
  ...request: Request<S>
): Promise<Answer<S>> {
  try {
    return await run(step, budget, { maximumAttempts: 1 }, request);
  } catch (error) {
    const failure = failureOf(error);
    if (!failure || failure.nonRetryable) throw error;
    onStall(toLinkError(failure));
    const retryDelayMs = failure.details?.retryDelayMs;
    if (retryDelayMs) {
      // Whoever waits for the answer is told now rather than minutes later.
      if (budget === 'interactive') throw error;
      await sleep(retryDelayMs);
    }
    return visibly(step, budget, ...request);
  }
}

async function run<S extends Step>(
  step: S,
  budget: Budget,
  retry: RetryPolicy,
  request: Request<S>,
): Promise<Answer<S>> {
  const activities = proxyActivities<Activities>({
    startToCloseTimeout: START_TO_CLOSE,
    retry,
    cancellationType,
    ...BUDGETS[budget],
  });
  return call(activities[step], request);
}

/** A proxied activity is typed by its step; this is the one place that ties the two together again. */
async function call<S extends Step>(activity: unknown, request: Request<S>): Promise<Answer<S>> {
  return (activity as (...args: Request<S>) => Promise<Answer<S>>)(...request);
}

export interface StepFailure {
  code: FailureCode;
  nonRetryable: boolean;
  details?: FailureDetails;
}

/** What is known of a failed step; undefined when the error is not a step's failure (a cancellation, a bug). */
export function failureOf(error: unknown): StepFailure | undefined {
  if (error instanceof ApplicationFailure) {
    const code = isFailureCode(error.type) ? error.type : 'internal_error';
    const [details] = (error.details ?? []) as FailureDetails[];
    return {
      code,
      nonRetryable: error.nonRetryable === true,
      ...(details && { details }),
    };
  }
  if (!(error instanceof ActivityFailure)) return undefined;
  if (error.cause instanceof TimeoutFailure) {
    return failureOf(error.cause.cause) ?? { code: 'provider_unavailable', nonRetryable: false };
  }
  return failureOf(error.cause);
}

/** The error that callers see; the provider's own words stay in the history. */
export function toLinkError(failure: StepFailure): LinkError {
  return linkError(failure.code);
}
