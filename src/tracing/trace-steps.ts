import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { isFailureCode } from '../contract/failures';
import { inSpan, SpanKind } from './spans';
import { contextIn } from './trace-calls';

/** A span for each attempt at a step, in the trace of what last reached its workflow. */
export const traceSteps: ActivityInterceptorsFactory = ({ info }) => ({
  inbound: {
    execute: (input, next) =>
      inSpan(
        info.activityType,
        {
          kind: SpanKind.CONSUMER,
          parent: contextIn(input.headers),
          attributes: {
            'temporal.workflow_id': info.workflowExecution?.workflowId ?? '',
            'temporal.run_id': info.workflowExecution?.runId ?? '',
            'temporal.activity_id': info.activityId,
            'temporal.attempt': info.attempt,
          },
          codeOf: (error) =>
            error instanceof ApplicationFailure && isFailureCode(error.type) ? error.type : 'internal_error',
        },
        () => next(input),
      ),
  },
});
