import type { CallOptions } from './types';

const PRINTABLE = /^[\x21-\x7e]{1,200}$/;

/** Our request id as a header; left out where it cannot be one, since a call must not fail for its label. */
export function requestIdHeader(options: CallOptions | undefined): Record<string, string> {
  const requestId = options?.requestId;
  return requestId !== undefined && PRINTABLE.test(requestId) ? { 'x-request-id': requestId } : {};
}

/**
 * A provider's request id, when it looks like one. It goes into logs and histories, so text of any other
 * shape (a page that echoes the request, say) is dropped.
 */
export function providerRequestId(value: unknown, pattern: RegExp): { requestId?: string } {
  return typeof value === 'string' && pattern.test(value) ? { requestId: value } : {};
}
