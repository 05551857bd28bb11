import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { WorkflowInterceptors } from '@temporalio/workflow';
import { REQUEST_ID_HEADER, TRACE_HEADER } from '../../src/contract/names';

const FOLLOWED = [REQUEST_ID_HEADER, TRACE_HEADER];

/**
 * Hands the ids of the request that last reached the workflow, and of its trace, on to all that follows from it; the request's
 * to the lines of its log too.
 */
export function followRequestId(): Required<Pick<WorkflowInterceptors, 'inbound' | 'outbound'>> {
  const known: Record<string, Payload> = {};
  const remember = ({ headers }: { headers: Record<string, Payload> }) => {
    for (const name of FOLLOWED) {
      const id = headers[name];
      if (id) known[name] = id;
    }
  };
  const followed = <T extends { headers: Record<string, Payload> }>(input: T) => ({
    ...input,
    headers: { ...input.headers, ...known },
  });
  return {
    inbound: [
      {
        execute(input, next) {
          remember(input);
          return next(input);
        },
        handleSignal(input, next) {
          remember(input);
          return next(input);
        },
        handleUpdate(input, next) {
          remember(input);
          return next(input);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(followed(input)),
        startChildWorkflowExecution: (input, next) => next(followed(input)),
        continueAsNew: (input, next) => next(followed(input)),
        getLogAttributes(input, next) {
          const requestId = known[REQUEST_ID_HEADER];
          return next(
            requestId ? { ...input, requestId: defaultPayloadConverter.fromPayload(requestId) } : input,
          );
        },
      },
    ],
  };
}
