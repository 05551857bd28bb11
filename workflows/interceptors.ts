import type { WorkflowInterceptors } from '@temporalio/workflow';
import { holdAnswers } from './hold-answers';
import { quickSignals } from './quick-signals';
import { followRequestId } from './request-id';

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
