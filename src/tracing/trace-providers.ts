import { ProviderError } from '../providers/provider-error';
import type { WatchRequest } from '../providers/watch-requests';
import { inSpan, SpanKind } from './spans';

/** A span for each request to Plaid or Atomic, by method and path without ids. */
export const traceProviders: WatchRequest = ({ provider, operation }, send) =>
  inSpan(
    operation,
    {
      kind: SpanKind.CLIENT,
      attributes: { 'peer.service': provider },
      codeOf: (error) => (error instanceof ProviderError ? error.failure.code : 'cancelled'),
    },
    send,
  );
