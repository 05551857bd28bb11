import type { WorkflowClient } from '@temporalio/client';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { decodeMapFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { optionalTsToDate } from '@temporalio/common/lib/time';
import { temporal } from '@temporalio/proto';
import { type FailureCode, isFailureCode } from '../contract/failures';
import { isJob, type Job } from '../contract/jobs';
import { SEARCH_ATTRIBUTES, userIdOf, workflowIdOf } from '../contract/names';
import type { LinkSummary } from '../contract/schemas';
import { INDEXED_LINK_STATES, type IndexedLinkState, isFinal } from '../contract/states';
import type { CallDeadline } from './call-deadline';
import { inOrder } from './link-fingerprint';
import { isOpenStatus } from './open-status';

const { WorkflowExecutionStatus: STATUS } = temporal.api.enums.v1;

/** A run as Temporal's index has it. */
export interface IndexRow {
  userId: string;
  runId: string;
  open: boolean;
  /** It was cancelled or completed, and so undone in order. */
  endedWell: boolean;
  startedAt: Date;
  closedAt: Date | undefined;
  attributes: Readonly<Record<string, Payload>>;
  memo: Readonly<Record<string, Payload>>;
}

/** One page of Temporal's index. */
export async function indexPage(
  client: WorkflowClient,
  deadline: CallDeadline,
  request: { query: string; pageSize: number; nextPageToken: Uint8Array },
): Promise<{ rows: IndexRow[]; nextToken: Uint8Array }> {
  const { namespace } = client.options;
  const response = await deadline.call(() =>
    client.workflowService.listWorkflowExecutions({ namespace, ...request }),
  );
  return { rows: response.executions.flatMap(rowOf), nextToken: response.nextPageToken };
}

function rowOf(info: temporal.api.workflow.v1.IWorkflowExecutionInfo): IndexRow[] {
  const { execution, status, searchAttributes, memo } = info;
  const userId = userIdOf(execution?.workflowId ?? '');
  if (userId === undefined || !execution?.runId) return [];
  return [
    {
      userId,
      runId: execution.runId,
      open: isOpenStatus(status),
      endedWell:
        status === STATUS.WORKFLOW_EXECUTION_STATUS_CANCELED ||
        status === STATUS.WORKFLOW_EXECUTION_STATUS_COMPLETED,
      startedAt: optionalTsToDate(info.startTime) ?? new Date(0),
      closedAt: optionalTsToDate(info.closeTime),
      attributes: searchAttributes?.indexedFields ?? {},
      memo: memo?.fields ?? {},
    },
  ];
}

export async function summaryOf(client: WorkflowClient, row: IndexRow): Promise<LinkSummary> {
  const { userId, runId, startedAt, closedAt } = row;
  const { state, errorCode, since } = statusOf(row);
  const stateSince = since ?? closedAt ?? startedAt;
  const itemId = attributeOf(row, SEARCH_ATTRIBUTES.plaidItemId);
  return {
    userId,
    state,
    stateSince: stateSince.toISOString(),
    ...(errorCode !== undefined && { errorCode }),
    jobs: jobsOf(row),
    ...(typeof itemId === 'string' && { itemId }),
    workflowId: workflowIdOf(userId),
    runId,
    createdAt: (await createdAtOf(client, row)) ?? startedAt.toISOString(),
  };
}

/** What the run noted of itself. One that was ended from outside could not, and has failed. */
function statusOf(row: IndexRow): { state: IndexedLinkState; errorCode?: FailureCode; since?: Date } {
  const noted = attributeOf(row, SEARCH_ATTRIBUTES.linkState);
  const state = INDEXED_LINK_STATES.find((known) => known === noted) ?? 'waiting';
  if (!row.open && !isFinal(state) && !row.endedWell) return { state: 'failed', errorCode: 'internal_error' };

  const code = attributeOf(row, SEARCH_ATTRIBUTES.linkError);
  const errorCode = isFailureCode(code) ? { errorCode: code } : {};
  if (!row.open && !isFinal(state)) return { state: 'unlinked', ...errorCode };
  const since = new Date(String(attributeOf(row, SEARCH_ATTRIBUTES.linkStateSince)));
  return { state, ...errorCode, ...(!Number.isNaN(since.getTime()) && { since }) };
}

function jobsOf(row: IndexRow): Job[] {
  const jobs = attributeOf(row, SEARCH_ATTRIBUTES.linkJobs);
  return inOrder([jobs].flat().filter(isJob));
}

function attributeOf({ attributes }: IndexRow, name: string): unknown {
  const payload = attributes[name];
  return payload && defaultPayloadConverter.fromPayload(payload);
}

/**
 * When the link was asked for, which the memo keeps over all of its runs. Where the key to the memo is missing, the start
 * of the run is all that is known.
 */
async function createdAtOf(client: WorkflowClient, row: IndexRow): Promise<string | undefined> {
  const { createdAt: encoded } = row.memo;
  if (encoded === undefined) return undefined;
  const { namespace, loadedDataConverter } = client.options;
  try {
    const memo = await decodeMapFromPayloads(
      loadedDataConverter,
      { createdAt: encoded },
      { type: 'workflow', namespace, workflowId: workflowIdOf(row.userId) },
    );
    return typeof memo?.createdAt === 'string' ? memo.createdAt : undefined;
  } catch {
    return undefined;
  }
}
