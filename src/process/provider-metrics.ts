import { Counter, Histogram, type Registry } from 'prom-client';
import { ProviderError } from '../providers/provider-error';
import type { WatchRequest } from '../providers/watch-requests';

/** More than Plaid documents; what comes beyond is counted together. */
const MAX_CODES = 200;

/**
 * Measures each request to Plaid and Atomic. `outcome` is `completed`, the class of the failure, or `cancelled` where our side
 * gave up. Failures are also counted by the provider's own code.
 */
export function measureProviders(registry: Registry): WatchRequest {
  const durations = new Histogram({
    name: 'processor_link_provider_request_duration_seconds',
    help: 'Time of one request to a provider, by its outcome: completed, or the class of the failure.',
    labelNames: ['provider', 'operation', 'outcome'],
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
    registers: [registry],
  });
  const failures = new Counter({
    name: 'processor_link_provider_failures_total',
    help: "Failed requests to a provider, by the class of the failure and the provider's own code.",
    labelNames: ['provider', 'operation', 'outcome', 'code'],
    registers: [registry],
  });
  const codes = new Set<string>();
  const bounded = (code: string) => {
    if (codes.size < MAX_CODES) codes.add(code);
    return codes.has(code) ? code : 'other';
  };

  return async (request, send) => {
    const end = durations.startTimer({ ...request });
    try {
      const answer = await send();
      end({ outcome: 'completed' });
      return answer;
    } catch (error) {
      const failure = error instanceof ProviderError ? error.failure : undefined;
      const outcome = failure?.failureClass ?? 'cancelled';
      end({ outcome });
      if (failure) failures.inc({ ...request, outcome, code: bounded(failure.code) });
      throw error;
    }
  };
}
