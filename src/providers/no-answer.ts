import type { Deadline } from './deadline';
import { isRecord } from './is-record';
import { ProviderError, type ProviderFailure } from './provider-error';

/** System errors of a connection that never came about, so that no byte of the request was sent. */
const NEVER_CONNECTED: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/**
 * What to throw when a call ended without a whole answer. The error that the HTTP client threw holds the
 * request with its credentials, so nothing of it is kept. When it was the caller who aborted, the reason of
 * the caller's signal is returned as it is: that is cancellation, not a failure of the provider.
 */
export function noAnswer(
  call: Pick<ProviderFailure, 'provider' | 'operation'>,
  deadline: Deadline,
  error: unknown,
): unknown {
  const cutShortBy = deadline.cutShortBy();
  if (cutShortBy === 'caller') return deadline.signal.reason;
  return new ProviderError({
    provider: call.provider,
    operation: call.operation,
    failureClass: 'transient',
    code: cutShortBy === 'deadline' ? 'TIMEOUT' : 'CONNECTION',
    ambiguous: cutShortBy === 'deadline' || !NEVER_CONNECTED.has(systemErrorCode(error)),
  });
}

/** axios puts the system's error code on the error, fetch on its cause. */
function systemErrorCode(error: unknown): unknown {
  if (!isRecord(error)) return undefined;
  return isRecord(error.cause) && error.cause.code !== undefined ? error.cause.code : error.code;
}
