/** A request to a provider, by method and path without ids: `POST /accounts/get`. */
export interface ProviderRequest {
  provider: 'plaid' | 'atomic';
  operation: string;
}

/**
 * Stands around each request that a provider client makes: it measures or follows, and hands on what the request came to.
 * `send` throws `ProviderError`, or the reason of a caller who gave up.
 */
export type WatchRequest = <T>(request: ProviderRequest, send: () => Promise<T>) => Promise<T>;

/** The first stands outermost. */
export function watchBoth(outer: WatchRequest, inner: WatchRequest): WatchRequest {
  return (request, send) => outer(request, () => inner(request, send));
}

export const unwatched: WatchRequest = (_request, send) => send();
