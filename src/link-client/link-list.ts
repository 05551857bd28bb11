import { createHmac } from 'node:crypto';
import type { WorkflowClient } from '@temporalio/client';
import { FAILURE_CODES, type FailureCode } from '../contract/failures';
import { JOBS, type Job } from '../contract/jobs';
import { SEARCH_ATTRIBUTES, WORKFLOW_TYPE, workflowIdOf } from '../contract/names';
import { DEFAULT_PAGE_SIZE, type LinkSummary, MAX_PAGE_SIZE } from '../contract/schemas';
import { INDEXED_LINK_STATES, type IndexedLinkState } from '../contract/states';
import type { KeyRing } from '../encryption/key-ring';
import type { CallDeadline } from './call-deadline';
import { LinkClientError } from './link-client-error';
import { equalTexts } from './link-fingerprint';
import { type IndexRow, indexPage, summaryOf } from './link-summary';

export interface ListLinks {
  /** A state that lasts. */
  state?: IndexedLinkState;
  job?: Job;
  /** The link's error code, or that of a failed job. */
  errorCode?: FailureCode;
  /** 1 to 200, default 50. */
  pageSize?: number;
  pageToken?: string;
}

export interface LinkPage {
  links: LinkSummary[];
  /** Present while there may be more. A page may be short before the last. */
  nextPageToken?: string;
}

/** Rows are dropped when they are a user's older runs; this often a page is filled up again. */
const ROUNDS = 5;
/** Of the look for newer runs. A user has few. */
const NEWEST_PAGE_SIZE = 1_000;

interface ListDependencies {
  client: WorkflowClient;
  keyRing: KeyRing;
  deadline: CallDeadline;
}

/**
 * One page of links, a row per user, from Temporal's index alone: no worker, no key and no link has to answer. The index
 * sorts open runs first, then closed ones by closing time, newest first, so the first row of a user is that of the
 * newest run. It follows by a moment or two.
 */
export async function listLinks(
  { client, keyRing, deadline }: ListDependencies,
  request: ListLinks,
): Promise<LinkPage> {
  const pageSize = request.pageSize ?? DEFAULT_PAGE_SIZE;
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > MAX_PAGE_SIZE) {
    throw invalid(`pageSize must be 1 to ${MAX_PAGE_SIZE}`);
  }
  const query = [OF_LINKS, ...conditionsOf(request)].join(' AND ');
  const links: LinkSummary[] = [];
  let token = readPageToken(keyRing, request);
  for (let round = 0; round < ROUNDS; round++) {
    const page = await indexPage(client, deadline, {
      query,
      pageSize: pageSize - links.length,
      nextPageToken: token,
    });
    const newest = await newestOf(client, deadline, page.rows);
    const summaries = await Promise.all(newest.map((row) => summaryOf(client, row)));
    links.push(...summaries.filter((link) => fits(link, request)));
    token = page.nextToken;
    if (token.length === 0 || links.length === pageSize) break;
  }
  return {
    links,
    ...(token.length > 0 && { nextPageToken: writePageToken(keyRing, request, token) }),
  };
}

export const OF_LINKS = `WorkflowType = ${quoted(WORKFLOW_TYPE)} AND ExecutionStatus != 'ContinuedAsNew'`;

/** The rows that are their user's newest run. An open one always is; for closed ones the index is queried. */
async function newestOf(
  client: WorkflowClient,
  deadline: CallDeadline,
  rows: readonly IndexRow[],
): Promise<IndexRow[]> {
  const closedUsers = new Set(rows.filter(({ open }) => !open).map(({ userId }) => userId));
  const newestRunIds = new Map<string, string>();
  const ids = [...closedUsers].map((userId) => quoted(workflowIdOf(userId)));
  const query = `${OF_LINKS} AND WorkflowId IN (${ids.join(', ')})`;
  let nextPageToken: Uint8Array = new Uint8Array();
  while (newestRunIds.size < closedUsers.size) {
    const page = await indexPage(client, deadline, { query, pageSize: NEWEST_PAGE_SIZE, nextPageToken });
    for (const { userId, runId } of page.rows) {
      if (!newestRunIds.has(userId)) newestRunIds.set(userId, runId);
    }
    nextPageToken = page.nextToken;
    if (nextPageToken.length === 0) break;
  }
  return rows.filter(({ open, userId, runId }) => open || newestRunIds.get(userId) === runId);
}

function fits(link: LinkSummary, { state, job, errorCode }: ListLinks): boolean {
  return (
    (state === undefined || link.state === state) &&
    (job === undefined || link.jobs.includes(job)) &&
    (errorCode === undefined || link.errorCode === errorCode)
  );
}

function conditionsOf({ state, job, errorCode }: ListLinks): string[] {
  const conditions: string[] = [];
  if (state !== undefined) {
    if (!INDEXED_LINK_STATES.includes(state)) {
      throw invalid(`state must be one of ${INDEXED_LINK_STATES.join(', ')}`);
    }
    conditions.push(stateCondition(state));
  }
  if (job !== undefined) {
    if (!JOBS.includes(job)) throw invalid('job must be one of the jobs');
    conditions.push(`${SEARCH_ATTRIBUTES.linkJobs} = ${quoted(job)}`);
  }
  if (errorCode !== undefined) {
    if (!FAILURE_CODES.includes(errorCode)) throw invalid('errorCode must be a failure code');
    const hasCode = `${SEARCH_ATTRIBUTES.linkError} = ${quoted(errorCode)}`;
    conditions.push(errorCode === 'internal_error' ? `(${hasCode} OR ${ENDED_BADLY})` : hasCode);
  }
  return conditions;
}

/** A run that was ended from outside could not note its state any more. */
const ENDED_BADLY = "ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut')";
const ENDED_WELL = "ExecutionStatus IN ('Canceled', 'Completed')";

export function stateCondition(state: IndexedLinkState): string {
  const isNoted = `${SEARCH_ATTRIBUTES.linkState} = ${quoted(state)}`;
  switch (state) {
    case 'failed':
      return `(${isNoted} OR ${ENDED_BADLY})`;
    case 'unlinked':
      return `(${isNoted} OR ${ENDED_WELL})`;
    case 'waiting':
    case 'linked':
    case 'needs_attention':
    case 'unlinking':
      return `${isNoted} AND NOT ${ENDED_BADLY} AND NOT ${ENDED_WELL}`;
  }
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

function pageTokenMac(
  keyRing: KeyRing,
  keyId: string,
  { state, job, errorCode }: ListLinks,
  encoded: string,
): string {
  const parts = ['page', state ?? null, job ?? null, errorCode ?? null, encoded];
  return createHmac('sha256', keyRing.key(keyId, 'fingerprint'))
    .update(JSON.stringify(parts))
    .digest('base64url');
}

function invalid(message: string): LinkClientError {
  return new LinkClientError('invalid_request', message);
}
