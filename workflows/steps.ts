/** The activities a link calls, each under a named retry budget. Temporal makes the attempts, and shows them. */
import { ActivityCancellationType, type ActivityOptions, proxyActivities, sleep } from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { FailureCode } from '../src/contract/failures';
import { failureOf, mayBeTriedAgain, type Reason } from './step-failure';

/** Longer than a provider client's deadline of 15 s, twice over: some steps make two calls. No call outlives it. */
const START_TO_CLOSE = '40s';
/** 1 s, doubling, to 60 s; a failure that names its own delay (rate limits, banks that are down) overrides it. */
const BACKOFF = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '60s' } as const;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

interface Budget {
  /** From the first attempt to the end of the last one; without it there is no end. */
  totalMs?: number;
  /** Failures that may pass and that the link shows meanwhile. */
  shows: readonly FailureCode[];
}

const PASSING: readonly FailureCode[] = ['provider_unavailable', 'bank_unavailable', 'configuration_error'];

const BUDGETS = {
  /** The public token lives 30 minutes; the activity itself stops after three attempts without an answer. */
  exchange: { totalMs: 30 * MINUTE_MS, shows: [] },
  /** A bank may be down for a day before the link is given up. */
  setup: { totalMs: 24 * HOUR_MS, shows: PASSING },
  /** A result that cannot be read now is polled for later. */
  result: { totalMs: HOUR_MS, shows: [] },
  /** Somebody waits for the answer. */
  interactive: { totalMs: 20_000, shows: [] },
  /** What was registered or made must go, however long that takes. */
  cleanup: { shows: [...PASSING, 'provider_rejected'] },
  /** Standard Webhooks are retried for a day. */
  notification: { totalMs: 24 * HOUR_MS, shows: [] },
} as const satisfies Record<string, Budget>;

/** Hears why a step has to be tried again, and that it is over. */
export interface Onlooker {
  stalled(step: string, reason: Reason): void;
  resumed(step: string): void;
}

type Step = keyof Activities;
type Request<S extends Step> = Parameters<Activities[S]>;
type Answer<S extends Step> = Awaited<ReturnType<Activities[S]>>;

/** The activities under one budget, called as what they are: `await setup.createProcessorToken({ … })`. */
export function stepsOf(budget: keyof typeof BUDGETS, onlooker?: Onlooker): Activities {
  const steps: Partial<Activities> = {};
  return new Proxy(steps, {
    get:
      <S extends Step>(_: unknown, step: S) =>
      (...request: Request<S>) =>
        perform(step, request, BUDGETS[budget], onlooker),
  }) as Activities;
}

/**
 * A failure that the link does not show yet is handed back by Temporal after one attempt, though it may pass. From then on
 * it is shown, and Temporal tries again by itself for as long as the failure stays the same.
 */
async function perform<S extends Step>(
  step: S,
  request: Request<S>,
  { totalMs, shows }: Budget,
  onlooker: Onlooker | undefined,
): Promise<Answer<S>> {
  const subject = subjectOf(request);
  const name = subject === undefined ? step : `${step} ${subject}`;
  const endMs = totalMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + totalMs;
  let shown: FailureCode | undefined;
  try {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        const options = optionsOf(endMs - Date.now(), shows, shown, subject);
        return await call(proxyActivities<Activities>(options)[step], request);
      } catch (error) {
        const failure = failureOf(error);
        if (!failure || !mayBeTriedAgain(error)) throw error;
        shown = failure.code;
        onlooker?.stalled(name, failure);
        const delayMs = Math.max(failure.details?.retryDelayMs ?? 0, pauseMs);
        if (Date.now() + delayMs >= endMs) throw error;
        await sleep(delayMs, { summary: `${name} again` });
      }
    }
  } finally {
    if (shown !== undefined) onlooker?.resumed(name);
  }
}

function optionsOf(
  leftMs: number,
  shows: readonly FailureCode[],
  shown: FailureCode | undefined,
  subject: string | undefined,
): ActivityOptions {
  return {
    startToCloseTimeout: START_TO_CLOSE,
    ...(Number.isFinite(leftMs) && { scheduleToCloseTimeout: leftMs }),
    retry: { ...BACKOFF, nonRetryableErrorTypes: shows.filter((code) => code !== shown) },
    // Once begun, a call is waited for even while unlinking: its outcome decides what has to be undone.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    ...(subject !== undefined && { summary: subject }),
  };
}

/** The job that the step is for: what tells two of a kind apart in the Temporal UI. */
function subjectOf([request]: readonly unknown[]): string | undefined {
  const isOfJob = typeof request === 'object' && request !== null && 'job' in request;
  return isOfJob && typeof request.job === 'string' ? request.job : undefined;
}

/** A proxied activity is typed by its step; this is the one place that ties the two together again. */
function call<S extends Step>(activity: unknown, request: Request<S>): Promise<Answer<S>> {
  return (activity as (...args: Request<S>) => Promise<Answer<S>>)(...request);
}
