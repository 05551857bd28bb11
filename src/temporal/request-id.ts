import { AsyncLocalStorage } from 'node:async_hooks';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { REQUEST_ID_HEADER } from '../contract/names';

const requestIds = new AsyncLocalStorage<string | undefined>();

/** Does something on behalf of a request: calls to Temporal and to providers send its id along. */
export function servingRequest<T>(requestId: string | undefined, calls: () => T): T {
  return requestIds.run(requestId, calls);
}

/** The id of the request that is being served, if one is known. */
export function servedRequestId(): string | undefined {
  return requestIds.getStore();
}

/** The id in the headers of a workflow or an activity. */
export function requestIdIn(headers: Headers): string | undefined {
  const payload = headers[REQUEST_ID_HEADER];
  const requestId: unknown = payload && defaultPayloadConverter.fromPayload(payload);
  return typeof requestId === 'string' ? requestId : undefined;
}

/** For the client: sends the id of the request that is being served with every start, signal and update. */
export const requestIdInterceptor: WorkflowClientInterceptor = {
  startWithDetails: (input, next) => next({ ...input, headers: withHeader(input.headers) }),
  signal: (input, next) => next({ ...input, headers: withHeader(input.headers) }),
  startUpdate: (input, next) => next({ ...input, headers: withHeader(input.headers) }),
};

function withHeader(headers: Headers): Headers {
  const requestId = servedRequestId();
  if (requestId === undefined) return headers;
  return { ...headers, [REQUEST_ID_HEADER]: defaultPayloadConverter.toPayload(requestId) };
}
