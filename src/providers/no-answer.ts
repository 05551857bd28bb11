import type { Deadline } from './deadline';
import { failedToConnect } from './http-call';
import { ProviderError, type ProviderFailure } from './provider-error';

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
    ambiguous: cutShortBy === 'deadline' || !failedToConnect(error),
  });
}
