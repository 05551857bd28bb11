import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { WorkflowInterceptors } from '@temporalio/workflow';
import { REQUEST_ID_HEADER, TRACE_HEADER } from '../../src/contract/names';

const FOLLOWED = [REQUEST_ID_HEADER, TRACE_HEADER];

/**
 * Hands the ids of the request that last reached the workflow, and of its trace, on to all that follows from it; the request's
 * to the lines of its log too.
 *
 * Upstream: temporalio/sdk-typescript#1700 (a child starts with empty headers; only an interceptor can fill them) and #1007
 * (workflow code cannot get at the converter that is set, so that headers need one by name).
 * Without it: no line of a log and no call to a provider can be matched with the request that caused it.
 * Shown by: test/integration/worker-process.test.ts and test/integration/traces.test.ts.
 * Goes when: the SDK passes the headers that reach a workflow on to its activities, its children and its next run.
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
