import type { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES, WORKFLOW_TYPE } from '../../contract/names';

const PAGE_SIZE = 1_000;
const OPEN = `WorkflowType = '${WORKFLOW_TYPE}' AND ExecutionStatus = 'Running'`;
/** Temporal's own search attribute, of servers from 1.30 on. */
const PROBLEMS = 'TemporalReportedProblems';
/** What can be seen of trouble in the index alone. */
const TROUBLED =
  `${SEARCH_ATTRIBUTES.linkError} IS NOT NULL OR ${SEARCH_ATTRIBUTES.linkState} IS NULL ` +
  `OR ${SEARCH_ATTRIBUTES.linkState} NOT IN ('linked', 'needs_attention')`;

export interface LinkIndex {
  connection: Connection;
  namespace: string;
}

/** A condition on open links, as Temporal's visibility takes it; `query` narrows it further. */
export function openLinksQuery(query?: string): string {
  return query === undefined ? OPEN : `${OPEN} AND (${query})`;
}

/** Links, open or closed. */
export function allLinksQuery(query?: string): string {
  const all = `WorkflowType = '${WORKFLOW_TYPE}'`;
  return query === undefined ? all : `${all} AND (${query})`;
}

/** Runs that were ended from outside, without their cleanup. */
export function endedLinksQuery(query?: string): string {
  const ended = `WorkflowType = '${WORKFLOW_TYPE}' AND ExecutionStatus IN ('Terminated', 'TimedOut')`;
  return query === undefined ? ended : `${ended} AND (${query})`;
}

/** With the links whose tasks fail again and again where Temporal reports them: see {@link reportsProblems}. */
export function troubledLinksQuery(withReported: boolean, query?: string): string {
  const problems = withReported ? ` OR ${PROBLEMS} IS NOT NULL` : '';
  return `${openLinksQuery(query)} AND (${TROUBLED}${problems})`;
}

/** Whether the server says which workflows' tasks fail again and again. */
export async function reportsProblems({ connection, namespace }: LinkIndex): Promise<boolean> {
  const { systemAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return Object.hasOwn(systemAttributes, PROBLEMS);
}

/** Open links whose tasks fail again and again, as Temporal reports it; none where it does not. */
export async function countReportedProblems(index: LinkIndex): Promise<number> {
  if (!(await reportsProblems(index))) return 0;
  return countLinks(index, `${openLinksQuery()} AND ${PROBLEMS} IS NOT NULL`);
}

export async function countLinks({ connection, namespace }: LinkIndex, query: string): Promise<number> {
  const { count } = await connection.workflowService.countWorkflowExecutions({ namespace, query });
  return count.toNumber();
}

/** Workflow ids of at most `limit` links, newest first. */
export async function findLinks(
  { connection, namespace }: LinkIndex,
  query: string,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<string[]> {
  const found: string[] = [];
  let nextPageToken = new Uint8Array();
  do {
    const pageSize = Math.min(PAGE_SIZE, limit - found.length);
    const page = await connection.workflowService.listWorkflowExecutions({
      namespace,
      query,
      pageSize,
      nextPageToken,
    });
    for (const { execution } of page.executions) {
      if (execution?.workflowId) found.push(execution.workflowId);
    }
    nextPageToken = new Uint8Array(page.nextPageToken);
  } while (nextPageToken.length > 0 && found.length < limit);
  return found;
}
