import { createHmac } from 'node:crypto';
import type { WorkflowClient } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { JOBS, type Job } from '../contract/jobs';
import { SEARCH_ATTRIBUTES, userIdOf, WORKFLOW_TYPE } from '../contract/names';
import { DEFAULT_PAGE_SIZE, type LinkView, MAX_PAGE_SIZE } from '../contract/schemas';
import { LINK_STATES, type LinkState } from '../contract/states';
import type { KeyRing } from '../encryption/key-ring';
import type { CallDeadline } from './call-deadline';
import { LinkClientError, toLinkClientError } from './link-client-error';
import { equalTexts } from './link-fingerprint';
import { isOpen, type LinkReader, viewOfDescription } from './link-reader';

export interface ListLinks {
  state?: LinkState;
  job?: Job;
  /** 1 to 200, default 50. */
  pageSize?: number;
  pageToken?: string;
}

export interface LinkPage {
  links: LinkView[];
  /** Present while there may be more. A page may be short before the last. */
  nextPageToken?: string;
}

/** Of the queries that make rows into views. */
const CONCURRENCY = 40;
/** A worker that answers at all answers sooner; a link that is stuck must not use up the time of the others. */
const ROW_TIMEOUT_MS = 2_000;
/** Visibility rows are dropped when they are a user's older runs; this often a page is filled up again. */
const ROUNDS = 5;

interface ListDependencies {
  client: WorkflowClient;
  reader: LinkReader;
  keyRing: KeyRing;
  deadline: CallDeadline;
}

/**
 * One page of links, a row a user. Temporal's visibility sorts open runs first, then closed ones by closing time, newest
 * first, so the first row of a user is that of the newest run. Views are read anew from the workflows, so a row whose
 * link has moved on since visibility took note is left out of a list by state. A link whose workflow cannot be read while
 * others can is shown with its state as visibility has it, and no jobs.
 */
export async function listLinks(
  { client, reader, keyRing, deadline }: ListDependencies,
  request: ListLinks,
): Promise<LinkPage> {
  const pageSize = request.pageSize ?? DEFAULT_PAGE_SIZE;
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > MAX_PAGE_SIZE) {
    throw invalid(`pageSize must be 1 to ${MAX_PAGE_SIZE}`);
  }
  const query = visibilityQuery(request);
  const links = new Map<string, LinkView>();
  let token = readPageToken(keyRing, request);
  for (let round = 0; round < ROUNDS; round++) {
    const page = await visibilityPage(client, deadline, query, pageSize - links.size, token);
    for (const view of await viewsOf(page.rows, reader, deadline)) {
      if (fits(view, request) && !links.has(view.userId)) links.set(view.userId, view);
    }
    token = page.nextToken;
    if (token.length === 0 || links.size === pageSize) break;
  }
  return {
    links: [...links.values()],
    ...(token.length > 0 && { nextPageToken: writePageToken(keyRing, request, token) }),
  };
}

interface Row {
  userId: string;
  runId: string;
  open: boolean;
}

async function visibilityPage(
  client: WorkflowClient,
  deadline: CallDeadline,
  query: string,
  pageSize: number,
  nextPageToken: Uint8Array,
): Promise<{ rows: Row[]; nextToken: Uint8Array }> {
  const { namespace } = client.options;
  const { WORKFLOW_EXECUTION_STATUS_RUNNING, WORKFLOW_EXECUTION_STATUS_PAUSED } =
    temporal.api.enums.v1.WorkflowExecutionStatus;
  const response = await deadline.call(() =>
    client.workflowService.listWorkflowExecutions({ namespace, query, pageSize, nextPageToken }),
  );
  const rows = response.executions.flatMap(({ execution, status }): Row[] => {
    const userId = userIdOf(execution?.workflowId ?? '');
    if (userId === undefined || !execution?.runId) return [];
    const open = status === WORKFLOW_EXECUTION_STATUS_RUNNING || status === WORKFLOW_EXECUTION_STATUS_PAUSED;
    return [{ userId, runId: execution.runId, open }];
  });
  return { rows, nextToken: response.nextPageToken };
}

/** A view per row, without those that are not their user's newest run or are gone by now. */
async function viewsOf(
  rows: readonly Row[],
  reader: LinkReader,
  deadline: CallDeadline,
): Promise<LinkView[]> {
  const refusals: unknown[] = [];
  const views = await mapConcurrently(rows, CONCURRENCY, async (row) => {
    try {
      return await viewOfRow(row, reader, deadline.within(ROW_TIMEOUT_MS));
    } catch (error) {
      const { code } = toLinkClientError(error);
      if (code === 'link_not_found') return undefined;
      if (code !== 'temporal_unavailable') throw error;
      refusals.push(error);
      return viewOfDescription(await reader.describe(row.userId, deadline));
    }
  });
  const known = views.filter((view) => view !== undefined);
  // One link that is stuck must not hide the others; but where nobody answers, it is the worker that is away.
  if (refusals.length > 0 && refusals.length === known.length) throw refusals[0];
  return known;
}

async function viewOfRow(
  row: Row,
  reader: LinkReader,
  deadline: CallDeadline,
): Promise<LinkView | undefined> {
  if (row.open) return reader.read(row.userId, deadline);
  const newest = await reader.describe(row.userId, deadline);
  if (newest.runId !== row.runId || isOpen(newest)) return undefined;
  return reader.readClosed(newest, deadline);
}

function fits(view: LinkView, { state, job }: ListLinks): boolean {
  return (state === undefined || view.state === state) && (job === undefined || view.jobs[job] !== undefined);
}

function visibilityQuery({ state, job }: ListLinks): string {
  const conditions = [`WorkflowType = ${quoted(WORKFLOW_TYPE)}`, "ExecutionStatus != 'ContinuedAsNew'"];
  if (state !== undefined) {
    if (!LINK_STATES.includes(state)) throw invalid('state must be a state of a link');
    const inState = `${SEARCH_ATTRIBUTES.linkState} = ${quoted(state)}`;
    // A run that was ended from outside could not note its state any more.
    conditions.push(
      state === 'failed'
        ? `(${inState} OR ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut'))`
        : inState,
    );
  }
  if (job !== undefined) {
    if (!JOBS.includes(job)) throw invalid('job must be one of the jobs');
    conditions.push(`${SEARCH_ATTRIBUTES.linkJobs} = ${quoted(job)}`);
  }
  return conditions.join(' AND ');
}

function quoted(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&')}'`;
}

/** Opaque to callers: Temporal's own token, and proof that it was given for this list. */
function writePageToken(keyRing: KeyRing, request: ListLinks, token: Uint8Array): string {
  const encoded = Buffer.from(token).toString('base64url');
  return [encoded, keyRing.primaryId, pageTokenMac(keyRing, keyRing.primaryId, request, encoded)].join('.');
}

/** Temporal is not asked with a token it did not make: it takes one for a fault of its own. */
function readPageToken(keyRing: KeyRing, request: ListLinks): Uint8Array {
  if (request.pageToken === undefined) return new Uint8Array();
  const [encoded = '', keyId = '', mac = ''] = request.pageToken.split('.');
  const expected = keyRing.ids.includes(keyId) ? pageTokenMac(keyRing, keyId, request, encoded) : undefined;
  if (expected === undefined || !equalTexts(expected, mac)) {
    throw invalid('pageToken is not one of this list');
  }
  return Buffer.from(encoded, 'base64url');
}

function pageTokenMac(keyRing: KeyRing, keyId: string, { state, job }: ListLinks, encoded: string): string {
  const parts = ['page', state ?? null, job ?? null, encoded];
  return createHmac('sha256', keyRing.key(keyId, 'fingerprint'))
    .update(JSON.stringify(parts))
    .digest('base64url');
}

function invalid(message: string): LinkClientError {
  return new LinkClientError('invalid_request', message);
}

async function mapConcurrently<T, R>(
  items: readonly T[],
  concurrency: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const entries = items.entries();
  const workers = Array.from({ length: Math.min(concurrency, items.length) }, async () => {
    for (const [index, item] of entries) results[index] = await map(item);
  });
  await Promise.all(workers);
  return results;
}
