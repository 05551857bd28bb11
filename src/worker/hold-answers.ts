import { setTimeout as pause } from 'node:timers/promises';
import { ActivityNotFoundError } from '@temporalio/client';
import { CompleteAsyncError } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Activities } from '../../activities';

/** Steps whose answer cannot be had again: a public token is good for one exchange, a registration for one run of its job. */
const DONE_ONCE: ReadonlySet<string> = new Set<keyof Activities>([
  'exchangePublicToken',
  'registerProcessorLink',
]);
const CALL_TIMEOUT_MS = 10_000;
const PAUSE_MS = 250;
/** One for all: the SDK reads the stack of whatever a step throws, and each new error's would be mapped to the sources first. */
const TAKEN = new CompleteAsyncError();

/**
 * The SDK's core offers an answer to Temporal for at most ten seconds, and only once where Temporal says DEADLINE_EXCEEDED, as
 * it does while its database is away. The step then times out and is done again. Here the answer of a step that must not be done
 * again is offered until Temporal takes it, or until the core says that the step's time is over (`startToCloseTimeout` and 5 s).
 * It is held in the running call alone: it takes one slot of `WORKER_MAX_CONCURRENT_ACTIVITIES`, and ends with the process.
 *
 * By the step's id, not by the task's token: Temporal takes that even after it has given up the attempt, before the next one ends.
 */
export const holdAnswers: ActivityInterceptorsFactory = ({ info, client, cancellationSignal }) => ({
  inbound: {
    async execute(input, next) {
      const answer = await next(input);
      const { activityType, activityId, workflowExecution } = info;
      if (!DONE_ONCE.has(activityType) || workflowExecution === undefined) return answer;
      const isTaken = async (): Promise<boolean> => {
        try {
          await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
            client.activity.complete({ ...workflowExecution, activityId }, answer),
          );
          return true;
        } catch (error) {
          // Taken before, without an answer that said so; or the link is over.
          return error instanceof ActivityNotFoundError;
        }
      };
      while (!cancellationSignal.aborted) {
        if (await isTaken()) throw TAKEN;
        await pause(PAUSE_MS, undefined, { signal: cancellationSignal }).catch(() => undefined);
      }
      return answer;
    },
  },
});
