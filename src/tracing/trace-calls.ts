import type { WorkflowClientInterceptor } from '@temporalio/client';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { TRACE_HEADER } from '../contract/names';
import { contextOf, currentTraceparent, inSpan, SpanKind } from './spans';

const codeOf = (error: unknown) => (error instanceof Error ? error.name : 'error');

/** For the client: what a start, a signal or an update sets going belongs to the trace of the request that made it. */
export const traceCalls: WorkflowClientInterceptor = {
  startWithDetails: (input, next) =>
    inSpan(
      `start ${input.workflowType}`,
      { kind: SpanKind.PRODUCER, attributes: { 'temporal.workflow_id': input.options.workflowId }, codeOf },
      () => next({ ...input, headers: withTrace(input.headers) }),
    ),
  signal: (input, next) =>
    inSpan(
      `signal ${input.signalName}`,
      { kind: SpanKind.PRODUCER, attributes: workflowOf(input.workflowExecution), codeOf },
      () => next({ ...input, headers: withTrace(input.headers) }),
    ),
  startUpdate: (input, next) =>
    inSpan(
      `update ${input.updateName}`,
      { kind: SpanKind.PRODUCER, attributes: workflowOf(input.workflowExecution), codeOf },
      () => next({ ...input, headers: withTrace(input.headers) }),
    ),
};

function workflowOf({ workflowId }: { workflowId?: string | null }): Record<string, string> {
  return workflowId ? { 'temporal.workflow_id': workflowId } : {};
}

function withTrace(headers: Headers): Headers {
  const traceparent = currentTraceparent();
  if (traceparent === undefined) return headers;
  return { ...headers, [TRACE_HEADER]: defaultPayloadConverter.toPayload(traceparent) };
}

/** For a step: the span that the workflow was last called in. */
export function contextIn(headers: Headers): ReturnType<typeof contextOf> {
  const payload = headers[TRACE_HEADER];
  const traceparent: unknown = payload && defaultPayloadConverter.fromPayload(payload);
  return contextOf(typeof traceparent === 'string' ? traceparent : undefined);
}
