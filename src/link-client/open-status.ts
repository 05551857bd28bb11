import { temporal } from '@temporalio/proto';

const { WORKFLOW_EXECUTION_STATUS_RUNNING, WORKFLOW_EXECUTION_STATUS_PAUSED } =
  temporal.api.enums.v1.WorkflowExecutionStatus;

/** Whether a run has not closed, by its status as the server sends it. */
export function isOpenStatus(status: number | null | undefined): boolean {
  return status === WORKFLOW_EXECUTION_STATUS_RUNNING || status === WORKFLOW_EXECUTION_STATUS_PAUSED;
}
