import type { WorkflowClient } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { GRPC_STATUS } from '../temporal/grpc-status';
import type { CallDeadline } from './call-deadline';
import { grpcCodeOf } from './link-client-error';

const { WORKFLOW_EXECUTION_STATUS_RUNNING, WORKFLOW_EXECUTION_STATUS_PAUSED } =
  temporal.api.enums.v1.WorkflowExecutionStatus;

/** Whether a run has not closed, by its status as the server sends it. */
export function isOpenStatus(status: number | null | undefined): boolean {
  return status === WORKFLOW_EXECUTION_STATUS_RUNNING || status === WORKFLOW_EXECUTION_STATUS_PAUSED;
}

/** Whether a workflow has a run that is open. Needs neither a worker nor a key. */
export async function hasOpenRun(
  { workflowService, options }: WorkflowClient,
  workflowId: string,
  deadline: CallDeadline,
): Promise<boolean> {
  const request = { namespace: options.namespace, execution: { workflowId } };
  try {
    const { workflowExecutionInfo } = await deadline.call(() =>
      workflowService.describeWorkflowExecution(request),
    );
    return isOpenStatus(workflowExecutionInfo?.status);
  } catch (error) {
    if (grpcCodeOf(error) === GRPC_STATUS.NOT_FOUND) return false;
    throw error;
  }
}
