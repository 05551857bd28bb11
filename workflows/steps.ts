/** The activities a link calls, each under a named retry budget. */
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  proxyActivities,
  proxyLocalActivities,
  sleep,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { FailureDetails } from '../activities/application-failure';
import { type FailureCode, isFailureCode, type LinkError, linkError } from '../src/contract/failures';

/** Longer than a provider client's deadline of 15 s, twice over: some steps make two calls. */
const START_TO_CLOSE = '40s';
/** Longer than the local attempt's own deadline, so that it has settled; shorter than a workflow task's 10 s. */
const LOCAL_START_TO_CLOSE = '4s';
/** 1 s, doubling, to 60 s; a failure that names its own delay (rate limits, banks that are down) overrides it. */
const BACKOFF = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '60s' } as const;

/** Once begun, a call is waited for even while unlinking: its outcome decides what has to be undone. */
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** One short attempt inside the workflow task, for calls that may safely be made twice. */
const onceLocally = proxyLocalActivities<Activities>({
  startToCloseTimeout: LOCAL_START_TO_CLOSE,
  retry: { maximumAttempts: 1 },
});

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

/** Runs a step as an activity that operators see, with its whole retry budget. */
export function visibly<S extends Step>(step: S, budget: Budget, ...request: Request<S>): Promise<Answer<S>> {
  const activities = proxyActivities<Activities>({
    startToCloseTimeout: START_TO_CLOSE,
    retry: BACKOFF,
    cancellationType,
    ...BUDGETS[budget],
  });
  return call(activities[step], request);
}

/**
 * Runs a step that may safely be repeated: once as a local activity, and where that attempt fails in a way that can
 * pass, as an activity with its whole budget, so that it shows as pending with its last failure. `onStall` hears of
 * the first failure. Reads that come meanwhile are held by `hold-answers.ts`.
 */
export async function quickly<S extends Step>(
  step: S,
  budget: Budget,
  onStall: (error: LinkError) => void,
  ...request: Request<S>
): Promise<Answer<S>> {
  try {
    return await tryLocally(step, request);
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

let isTrying = false;
/** Of every local attempt of the run: once begun it ends, cancelled or not. */
let attempts: CancellationScope | undefined;

/**
 * One local attempt at a time: of two that end one shortly after the other, the SDK (1.24) tells the workflow one by one,
 * but a replay at once, which may then give other commands, or in another order.
 */
async function tryLocally<S extends Step>(step: S, request: Request<S>): Promise<Answer<S>> {
  while (isTrying) await condition(() => !isTrying);
  if (CancellationScope.current().consideredCancelled)
    throw new CancelledFailure('Cancelled before it began');
  isTrying = true;
  try {
    // Of a cancel that comes with its answer, the SDK makes a history that no longer replays.
    attempts ??= new CancellationScope({ cancellable: false });
    return await attempts.run(() => call(onceLocally[step], request));
  } finally {
    isTrying = false;
  }
}

/** A proxied activity is typed by its step; this is the one place that ties the two together again. */
function call<S extends Step>(activity: unknown, request: Request<S>): Promise<Answer<S>> {
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
