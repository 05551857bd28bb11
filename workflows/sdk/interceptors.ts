import type { WorkflowInterceptors } from '@temporalio/workflow';
import { refuseEarlyEvents } from './early-events';
import { followRequestId } from './request-id';
import { quickSignals } from './synchronous-signals';

/**
 * What stands between the SDK and the workflows; the bundle names this module. The order counts: signals end the chain.
 *
 * Upstream: temporalio/sdk-typescript#1700 and #1587, as in the two modules that it joins.
 * Without it: neither of the two is in the bundle.
 * Shown by: test/integration/traces.test.ts and test/long-life/flood.test.ts.
 * Goes when: both of them have gone.
 */
export function interceptors(): WorkflowInterceptors {
  const requestId = followRequestId();
  return {
    inbound: [...requestId.inbound, ...quickSignals().inbound],
    outbound: requestId.outbound,
    internals: refuseEarlyEvents().internals,
  };
}
