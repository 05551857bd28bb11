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
  /** Waits for an operator at most so long; else as long as the settings say, beside the total. */
  configurationMs?: number;
  /** Failures that may pass and that the link shows meanwhile. */
  shows: readonly FailureCode[];
  /** However it fails, there is no second attempt. */
  once?: true;
}

const PASSING: readonly FailureCode[] = ['provider_unavailable', 'bank_unavailable', 'configuration_error'];

const BUDGETS = {
  /** The public token lives 30 minutes. */
  exchange: { totalMs: 30 * MINUTE_MS, configurationMs: 25 * MINUTE_MS, shows: PASSING },
  /** A bank may be down for a day before the link is given up. */
  setup: { totalMs: 24 * HOUR_MS, shows: PASSING },
  /** A result that cannot be read now is polled for later. */
  result: { totalMs: HOUR_MS, shows: ['configuration_error'] },
  /** Somebody waits for the answer. */
  interactive: { totalMs: 20_000, shows: [] },
  /** What was registered or made must go, however long that takes. */
  cleanup: { shows: [...PASSING, 'provider_rejected'] },
  /** What is very likely not there. */
  precaution: { shows: [], once: true },
  /** Standard Webhooks are retried for a day. */
  notification: { totalMs: 24 * HOUR_MS, shows: [] },
} as const satisfies Record<string, Budget>;

/** Learns why a step is retried, and when that is over. */
export interface StepObserver {
  stalled(step: string, reason: Reason): void;
  resumed(step: string): void;
  /** Lets so many milliseconds pass before the next start of a step, or fewer. */
  pause(ms: number, summary: string): Promise<void>;
  /** How long a step waits for an operator, in milliseconds. */
  configurationWaitMs(): Promise<number>;
}

type Step = keyof Activities;
type Request<S extends Step> = Parameters<Activities[S]>;
type Answer<S extends Step> = Awaited<ReturnType<Activities[S]>>;

/** The activities under one budget, called as what they are: `await setup.createProcessorToken({ … })`. */
export function stepsOf(budget: keyof typeof BUDGETS, observer?: StepObserver): Activities {
  const steps: Partial<Activities> = {};
  return new Proxy(steps, {
    get:
      <S extends Step>(_: unknown, step: S) =>
      (...request: Request<S>) =>
        perform(step, request, BUDGETS[budget], observer),
  }) as Activities;
}

/**
 * A failure that the link does not show yet is handed back by Temporal after one attempt, though it may pass. From then on
 * it is shown, and Temporal tries again by itself for as long as the failure stays the same.
 */
async function perform<S extends Step>(
  step: S,
  request: Request<S>,
  budget: Budget,
  observer: StepObserver | undefined,
): Promise<Answer<S>> {
  const subject = subjectOf(request);
  const name = subject === undefined ? step : `${step} ${subject}`;
  const deadline = new StepDeadline(budget);
  let shown: FailureCode | undefined;
  let attempts = 0;
  try {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const activity = proxyActivities<Activities>(optionsOf(budget, deadline.leftMs, shown, subject))[step];
      try {
        return await call<S>(activity, attempts === 0 ? request : [...request, attempts]);
      } catch (error) {
        const failure = failureOf(error);
        if (!failure || !mayBeTriedAgain(error)) throw error;
        attempts = failure.details?.attempts ?? attempts + 1;
        shown = failure.code;
        observer?.stalled(name, failure);
        if (failure.code === 'configuration_error')
          deadline.waitForOperator(await observer?.configurationWaitMs());
        else deadline.goOn();
        const delayMs = Math.max(failure.details?.retryDelayMs ?? 0, pauseMs);
        if (delayMs >= deadline.leftMs) throw error;
        const summary = `${name} again`;
        await (observer?.pause(delayMs, summary) ?? sleep(delayMs, { summary }));
      }
    }
  } finally {
    if (shown !== undefined) observer?.resumed(name);
  }
}

/** Until when a step may be tried. While it waits for an operator, its own time stands still. */
class StepDeadline {
  private endMs: number;
  private waiting: { sinceMs: number; endMs: number } | undefined;

  constructor(private readonly budget: Budget) {
    this.endMs = Date.now() + (budget.totalMs ?? Number.POSITIVE_INFINITY);
  }

  get leftMs(): number {
    return (this.waiting?.endMs ?? this.endMs) - Date.now();
  }

  /** Of a budget without an end the wait has none either. */
  waitForOperator(waitMs = 0): void {
    if (this.budget.totalMs === undefined) return;
    const sinceMs = Date.now();
    this.waiting ??= { sinceMs, endMs: sinceMs + Math.min(waitMs, this.budget.configurationMs ?? waitMs) };
  }

  goOn(): void {
    // What has a time of its own, as a public token has, gets no more of it.
    if (this.waiting && this.budget.configurationMs === undefined)
      this.endMs += Date.now() - this.waiting.sinceMs;
    this.waiting = undefined;
  }
}

function optionsOf(
  { shows, once }: Budget,
  leftMs: number,
  shown: FailureCode | undefined,
  subject: string | undefined,
): ActivityOptions {
  return {
    startToCloseTimeout: START_TO_CLOSE,
    ...(Number.isFinite(leftMs) && { scheduleToCloseTimeout: leftMs }),
    retry: {
      ...BACKOFF,
      nonRetryableErrorTypes: shows.filter((code) => code !== shown),
      ...(once && { maximumAttempts: 1 }),
    },
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
function call<S extends Step>(activity: unknown, request: readonly unknown[]): Promise<Answer<S>> {
  return (activity as (...args: readonly unknown[]) => Promise<Answer<S>>)(...request);
}
