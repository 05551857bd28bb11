import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { WorkflowInterceptors } from '@temporalio/workflow';
import { REQUEST_ID_HEADER } from '../../src/contract/names';

/** Hands the id of the request that last reached the workflow on to all that follows from it, and to the lines of its log. */
export function followRequestId(): Required<Pick<WorkflowInterceptors, 'inbound' | 'outbound'>> {
  let requestId: Payload | undefined;
  const remember = ({ headers }: { headers: Record<string, Payload> }) => {
    requestId = headers[REQUEST_ID_HEADER] ?? requestId;
  };
  const withRequestId = (headers: Record<string, Payload>) =>
    requestId ? { ...headers, [REQUEST_ID_HEADER]: requestId } : headers;
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
        scheduleActivity: (input, next) => next({ ...input, headers: withRequestId(input.headers) }),
        startChildWorkflowExecution: (input, next) =>
          next({ ...input, headers: withRequestId(input.headers) }),
        continueAsNew: (input, next) => next({ ...input, headers: withRequestId(input.headers) }),
        getLogAttributes: (input, next) =>
          next(requestId ? { ...input, requestId: defaultPayloadConverter.fromPayload(requestId) } : input),
      },
    ],
  };
}
