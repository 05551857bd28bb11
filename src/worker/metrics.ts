import { ActivityFailure, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { Counter, Histogram, type Registry } from 'prom-client';
import { isFailureCode } from '../contract/failures';

/** Measures each attempt at a step by its outcome: `completed`, a failure code, or `cancelled`. */
export function measureSteps(registry: Registry): ActivityInterceptorsFactory {
  const durations = new Histogram({
    name: 'processor_link_step_duration_seconds',
    help: 'Time of one attempt at a step of a link.',
    labelNames: ['step', 'outcome'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 40],
    registers: [registry],
  });
  const givenUp = new Counter({
    name: 'processor_link_notifications_refused_total',
    help: 'Notifications that the caller refused for good.',
    registers: [registry],
  });

  return ({ info: { activityType: step } }) => ({
    inbound: {
      async execute(input, next) {
        const end = durations.startTimer({ step });
        try {
          const result = await next(input);
          end({ outcome: 'completed' });
          return result;
        } catch (error) {
          end({ outcome: outcomeOf(error) });
          if (step === 'postNotification' && error instanceof ApplicationFailure && error.nonRetryable)
            givenUp.inc();
          throw error;
        }
      },
    },
  });
}

/** A failure code of the closed list, or a word of ours. */
function outcomeOf(error: unknown): string {
  if (error instanceof CancelledFailure || (error instanceof Error && error.name === 'AbortError'))
    return 'cancelled';
  const failure = error instanceof ActivityFailure ? error.cause : error;
  return failure instanceof ApplicationFailure && isFailureCode(failure.type)
    ? failure.type
    : 'internal_error';
}
