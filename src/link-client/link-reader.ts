import { setTimeout as sleep } from 'node:timers/promises';
import {
  QueryNotRegisteredError,
  QueryRejectedError,
  WorkflowClient,
  WorkflowContinuedAsNewError,
  type WorkflowExecutionDescription,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { linkError } from '../contract/failures';
import { isJob, type Job } from '../contract/jobs';
import { QUERIES, userIdOf, workflowIdOf } from '../contract/names';
import type { LinkView } from '../contract/schemas';
import { isFinal, LINK_STATES, type LinkState } from '../contract/states';
import { GRPC_STATUS } from '../temporal/grpc-status';
import { linkJobsKey, linkStateKey } from '../temporal/search-attributes';
import { CallDeadline } from './call-deadline';
import { grpcCodeOf, LinkClientError, temporalUnavailable } from './link-client-error';
import { inOrder } from './link-fingerprint';
import { SharedReads } from './shared-reads';

/** Started and its first task scheduled or begun: the workflow's code has done nothing yet. */
const LENGTH_BEFORE_FIRST_TASK = 3;
/** The same, the task failed by the closing, and the closing. */
const CLOSED_LENGTH_BEFORE_FIRST_TASK = 5;
const READ_ATTEMPTS = 5;
/** Far longer than a worker that lives takes, and short enough for a second attempt within a call's time. */
const QUERY_ATTEMPT_MS = 1_500;

/** Reads the LinkView of a user's newest run, open or closed. Needs a worker, as every query does. */
export class LinkReader {
  readonly #client: WorkflowClient;
  /** Its queries are refused on closed runs, which tells in one call whether a view is still alive. */
  readonly #openRuns: WorkflowClient;
  readonly #reads = new SharedReads<LinkView>();
  readonly #callTimeoutMs: number;

  constructor(client: WorkflowClient, options: { callTimeoutMs: number }) {
    this.#client = client;
    this.#callTimeoutMs = options.callTimeoutMs;
    this.#openRuns = new WorkflowClient({
      ...client.options,
      connection: client.connection,
      queryRejectCondition: 'NOT_OPEN',
    });
  }

  /**
   * The newest link's view, or that of the link which `ofRun` is a run of, however many links came after it. Throws
   * `link_not_found` for a user who was never linked, or whose last link is past Temporal's retention.
   */
  async read(userId: string, deadline: CallDeadline, ofRun?: string): Promise<LinkView> {
    let runId = ofRun;
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      try {
        return await deadline.call(() => this.#readOpen(userId, runId));
      } catch (error) {
        if (!(error instanceof QueryRejectedError)) throw asNotFound(error);
      }
      const description = await this.describe(userId, deadline, runId);
      if (runId !== undefined && description.status.name === 'CONTINUED_AS_NEW') {
        runId = await this.#nextRunOf(description, deadline);
      } else if (!isOpen(description)) {
        return this.readClosed(description, deadline);
      }
    }
    throw temporalUnavailable();
  }

  /** Of a run, or of the newest one. Throws `link_not_found`. Needs no worker. */
  async describe(
    userId: string,
    deadline: CallDeadline,
    runId?: string,
  ): Promise<WorkflowExecutionDescription> {
    const handle = this.#client.getHandle(workflowIdOf(userId), runId);
    try {
      return await deadline.call(() => handle.describe());
    } catch (error) {
      throw asNotFound(error);
    }
  }

  /** The view of a run that has closed. One that an operator terminated is `failed`, whatever it was doing. */
  async readClosed(description: WorkflowExecutionDescription, deadline: CallDeadline): Promise<LinkView> {
    let view: LinkView;
    try {
      view = await this.#queryClosed(description, deadline);
    } catch (error) {
      if (!isRefusedQuery(error) || description.historyLength > CLOSED_LENGTH_BEFORE_FIRST_TASK) {
        throw asNotFound(error);
      }
      view = viewOfDescription(description);
    }
    if (isFinal(view.state)) return view;
    const how = description.status.name === 'TIMED_OUT' ? 'timed out' : description.status.name.toLowerCase();
    const error = linkError('internal_error', `The run was ${how} before the link could be removed.`);
    return { ...view, state: 'failed', error };
  }

  #readOpen(userId: string, runId: string | undefined): Promise<LinkView> {
    const handle = this.#openRuns.getHandle(workflowIdOf(userId), runId);
    const query = () => handle.query<LinkView>(QUERIES.getLink);
    return this.#reads.read(JSON.stringify([userId, runId]), () =>
      queryWhenReady(this.#callDeadline(), query),
    );
  }

  /** A worker goes through all of a long run before it answers, so an attempt has far more time than one at an open run. */
  #queryClosed(
    { workflowId, runId }: WorkflowExecutionDescription,
    deadline: CallDeadline,
  ): Promise<LinkView> {
    const handle = this.#client.getHandle(workflowId, runId);
    const query = () =>
      this.#reads.read(JSON.stringify([workflowId, runId]), () => handle.query<LinkView>(QUERIES.getLink));
    const attemptMs = Math.max(this.#callTimeoutMs, deadline.remainingMs / 2);
    return queryWhenReady(deadline, query, { attemptMs, isPassing: wasTakenAway });
  }

  async #nextRunOf({ workflowId, runId }: WorkflowExecutionDescription, deadline: CallDeadline) {
    try {
      await deadline.call(() => this.#client.result(workflowId, runId, { followRuns: false }));
    } catch (error) {
      if (error instanceof WorkflowContinuedAsNewError) return error.newExecutionRunId;
      throw error;
    }
    throw temporalUnavailable();
  }

  /** A shared read is not bound to the deadline of the caller who happened to begin it. */
  #callDeadline(): CallDeadline {
    return new CallDeadline(this.#client.connection, this.#callTimeoutMs);
  }
}

/**
 * Makes a query, and makes it again while Temporal answers that the run cannot be queried yet: before its first task is
 * done, which just after a start is a matter of moments. A query that a worker had taken when it was told to end is lost
 * without a word, so one that is not answered is made again while there is time, and finds another worker. A worker that
 * refuses one is asked once more: events of the link may have arrived in between (`workflows/sdk/early-events.ts`).
 */
export async function queryWhenReady<T>(
  deadline: CallDeadline,
  query: () => Promise<T>,
  { attemptMs = QUERY_ATTEMPT_MS, isPassing = isNotReady } = {},
): Promise<T> {
  let hasBeenRefused: boolean = false;
  for (let pauseMs = 50; ; pauseMs *= 2) {
    const attempt = deadline.within(attemptMs);
    try {
      return await attempt.call(query);
    } catch (error) {
      const isRefused = error instanceof QueryNotRegisteredError;
      const mayPass = isPassing(error) || (isRefused && !hasBeenRefused);
      if (attempt.remainingMs > 0 && !mayPass) throw error;
      hasBeenRefused ||= isRefused;
      if (deadline.remainingMs < pauseMs) throw error;
    }
    await sleep(pauseMs);
  }
}

/** A run whose task keeps failing answers with the same status, and waiting for that helps nobody. */
function isNotReady(error: unknown): boolean {
  if (wasTakenAway(error)) return true;
  if (grpcCodeOf(error) !== GRPC_STATUS.FAILED_PRECONDITION) return false;
  const cause = error instanceof Error ? error.cause : undefined;
  return !(cause instanceof Error && /task in failed state/i.test(cause.message));
}

/** Temporal took the query away from a worker that has ended, or the caller who had begun a shared one left. */
function wasTakenAway(error: unknown): boolean {
  return grpcCodeOf(error) === GRPC_STATUS.CANCELLED;
}

/** The view of a link whose workflow has not done anything yet. */
export function initialLinkView(link: {
  userId: string;
  state: LinkState;
  jobs: readonly Job[];
  runId: string;
  createdAt: string;
}): LinkView {
  const { userId, state, jobs, runId, createdAt } = link;
  const pending = inOrder(jobs).map((job) => [job, { state: 'pending' }] as const);
  return {
    userId,
    state,
    jobs: Object.fromEntries(pending),
    workflowId: workflowIdOf(userId),
    runId,
    createdAt,
    updatedAt: createdAt,
  };
}

export function isOpen({ status }: Pick<WorkflowExecutionDescription, 'status'>): boolean {
  return status.name === 'RUNNING' || status.name === 'PAUSED';
}

/** The same for all runs of a link, however often it has continued as new. */
export function firstRunIdOf({ raw }: WorkflowExecutionDescription): string | undefined {
  return raw.workflowExecutionInfo?.firstRunId || undefined;
}

/** Whether the first run of a chain has not finished a task yet, so that {@link initialLinkView} is its view. */
export function isUntouched(description: WorkflowExecutionDescription): boolean {
  return (
    firstRunIdOf(description) === description.runId && description.historyLength <= LENGTH_BEFORE_FIRST_TASK
  );
}

/** Whether Temporal or the worker has answered that it cannot query this run, as against no answer at all. */
function isRefusedQuery(error: unknown): boolean {
  return error instanceof QueryNotRegisteredError || grpcCodeOf(error) === GRPC_STATUS.FAILED_PRECONDITION;
}

/** What Temporal itself knows of a link: its state, and its jobs while none can have begun. */
function viewOfDescription(description: WorkflowExecutionDescription): LinkView {
  const { workflowId, runId, memo, typedSearchAttributes, startTime } = description;
  const state = typedSearchAttributes.get(linkStateKey);
  const lengthLimit = isOpen(description) ? LENGTH_BEFORE_FIRST_TASK : CLOSED_LENGTH_BEFORE_FIRST_TASK;
  const jobs = description.historyLength <= lengthLimit ? typedSearchAttributes.get(linkJobsKey) : [];
  return initialLinkView({
    userId: userIdOf(workflowId) ?? workflowId,
    state: LINK_STATES.find((known) => known === state) ?? 'exchanging',
    jobs: (jobs ?? []).filter(isJob),
    runId,
    createdAt: typeof memo?.createdAt === 'string' ? memo.createdAt : startTime.toISOString(),
  });
}

/** What a missing workflow means where a link is looked up; any other error as it is. */
export function asNotFound(error: unknown): unknown {
  if (!(error instanceof WorkflowNotFoundError)) return error;
  return new LinkClientError('link_not_found', 'This user was never linked.', { cause: error });
}
