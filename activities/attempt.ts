import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { ProviderError } from '../src/providers/provider-error';
import type { CallOptions } from '../src/providers/types';
import { type AttemptLimits, toApplicationFailure } from './application-failure';

/** Makes attempts at a provider, under the id of the request that the running activity serves, if one is known. */
export function providerAttempt(servedRequestId: (() => string | undefined) | undefined) {
  /**
   * One attempt at a provider. `settle` leaves cancellation out, for calls whose outcome has to be known. `earlier` counts
   * the attempts at the step before this activity.
   */
  return async <T>(
    call: (options: CallOptions) => Promise<T>,
    earlier: number,
    { settle = false, ...limits }: { settle?: boolean } & AttemptLimits = {},
  ): Promise<T> => {
    const requestId = servedRequestId?.();
    const sentMs = Date.now();
    try {
      return await call({
        ...(!settle && { signal: cancellationSignal() }),
        ...(requestId !== undefined && { requestId }),
      });
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      const made = { number: attemptNumber(earlier), elapsedMs: Date.now() - sentMs };
      throw toApplicationFailure(error, made, limits);
    }
  };
}

/** Of all attempts at a step, from 1: Temporal counts those of the running activity alone. */
export function attemptNumber(earlier: number): number {
  return earlier + activityInfo().attempt;
}
