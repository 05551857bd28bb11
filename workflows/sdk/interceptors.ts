import type { WorkflowInterceptors } from '@temporalio/workflow';
import { followRequestId } from './request-id';
import { quickSignals } from './synchronous-signals';

/** What stands between the SDK and the workflows; the bundle names this module. */
export function interceptors(): WorkflowInterceptors {
  const requestId = followRequestId();
  return {
    inbound: [...requestId.inbound, ...quickSignals().inbound],
    outbound: requestId.outbound,
  };
}
