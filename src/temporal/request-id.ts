import { AsyncLocalStorage } from 'node:async_hooks';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { REQUEST_ID_HEADER } from '../contract/names';

const serving = new AsyncLocalStorage<string>();

/** Runs work on behalf of a request: calls of a client with {@link requestIdInterceptor} carry its id. */
export function servingRequest<T>(requestId: string | undefined, work: () => T): T {
  return requestId === undefined ? work() : serving.run(requestId, work);
}

/** The id of the request that the running work serves. */
export function servedRequestId(): string | undefined {
  return serving.getStore();
}

/** The id that headers carry, if any. */
export function requestIdIn({ [REQUEST_ID_HEADER]: payload }: Headers): string | undefined {
  if (!payload) return undefined;
  const id: unknown = defaultPayloadConverter.fromPayload(payload);
  return typeof id === 'string' ? id : undefined;
}

/** Sends the id along with starts, signals and updates. Headers are not encrypted: the id is for logs, and in them. */
export const requestIdInterceptor: WorkflowClientInterceptor = {
  start: (input, next) => next({ ...input, headers: withId(input.headers) }),
  signal: (input, next) => next({ ...input, headers: withId(input.headers) }),
  startUpdate: (input, next) => next({ ...input, headers: withId(input.headers) }),
};

function withId(headers: Headers): Headers {
  const id = servedRequestId();
  if (id === undefined) return headers;
  return { ...headers, [REQUEST_ID_HEADER]: defaultPayloadConverter.toPayload(id) };
}
