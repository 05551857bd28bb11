import type { WorkflowInterceptors } from '@temporalio/workflow';
import { holdAnswers } from './hold-query-answers';
import { followRequestId } from './request-id';
import { quickSignals } from './synchronous-signals';

/** What stands between the SDK and the workflows; the bundle names this module. */
export function interceptors(): WorkflowInterceptors {
  const requestId = followRequestId();
  const answers = holdAnswers();
  return {
    inbound: [...requestId.inbound, ...quickSignals().inbound],
    outbound: [...requestId.outbound, ...answers.outbound],
    internals: answers.internals,
  };
}
