import { ActivityFailure, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { isFailureCode } from '../contract/failures';

/** A registry that also holds what another source has to say, as text of the same format. */
class RegistryWith extends Registry {
  readonly #more: () => Promise<string>;

  constructor(more: () => Promise<string>) {
    super();
    this.#more = more;
  }

  override async metrics(): Promise<string> {
    const [own, more] = await Promise.all([super.metrics(), this.#more().catch(() => '')]);
    return `${own}\n${more}`;
  }
}

/**
 * Metrics of a worker: the process, each step by its outcome, and the Temporal SDK's own
 * (`temporal_workflow_task_execution_failed` tells of links that stall, for want of a key say).
 */
export function workerMetrics(readSdkMetrics: () => Promise<string>): {
  registry: Registry;
  interceptor: ActivityInterceptorsFactory;
} {
  const registry = new RegistryWith(readSdkMetrics);
  collectDefaultMetrics({ register: registry });
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

  const interceptor: ActivityInterceptorsFactory = ({ info: { activityType: step } }) => ({
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
  return { registry, interceptor };
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
