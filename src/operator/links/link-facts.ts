/** What Temporal knows of an open link, read without a worker and, but for its details, without keys. */
import type { Connection, WorkflowService } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { SEARCH_ATTRIBUTES, userIdOf } from '../../contract/names';
import { LINK_STATES, type LinkState } from '../../contract/states';
import type { PayloadReader } from './payload-reader';
import { type ReadFailure, readFailure } from './read-failure';
import { indexedTexts, isoOf, millisecondsOf } from './temporal-values';

type Description = Awaited<ReturnType<WorkflowService['describeWorkflowExecution']>>;
type Activity = Description['pendingActivities'][number];

/** An activity that is under way or waits for its next attempt. */
export interface PendingStep {
  name: string;
  /** From 1. */
  attempt: number;
  since: string;
  nextAttemptAt?: string;
  lastFailure?: ReadFailure;
  /** No worker has taken it yet; milliseconds since it could have been taken. */
  unstartedMs?: number;
  /** Somebody paused it. */
  paused: boolean;
}

export interface StepFailure extends ReadFailure {
  /** Of the step; undefined where that is long past. */
  name?: string;
}

/** A workflow task that is not done. */
export interface PendingTask {
  attempt: number;
  since: string;
  /** As of {@link PendingStep}. */
  unstartedMs?: number;
  failure?: ReadFailure & { nondeterminism: boolean };
}

export interface LinkFacts {
  userId: string;
  workflowId: string;
  runId: string;
  taskQueue: string;
  /** As the index has it. */
  state: LinkState;
  stateSince: string;
  /** `terminated`: ended from outside, without its cleanup. */
  status: 'open' | 'closed' | 'terminated';
  /** The link's error code, or a failed job's, as the index has it. */
  errorCode?: string;
  steps: PendingStep[];
  /** Of a link with an error and nothing pending: how its newest step failed. */
  latestFailure?: StepFailure;
  task?: PendingTask;
}

export interface FactsReader {
  connection: Connection;
  namespace: string;
  read: PayloadReader;
}

const { PENDING_ACTIVITY_STATE_SCHEDULED, PENDING_ACTIVITY_STATE_STARTED } =
  temporal.api.enums.v1.PendingActivityState;
const { PENDING_WORKFLOW_TASK_STATE_SCHEDULED } = temporal.api.enums.v1.PendingWorkflowTaskState;
const {
  WORKFLOW_EXECUTION_STATUS_PAUSED,
  WORKFLOW_EXECUTION_STATUS_RUNNING,
  WORKFLOW_EXECUTION_STATUS_TERMINATED,
  WORKFLOW_EXECUTION_STATUS_TIMED_OUT,
} = temporal.api.enums.v1.WorkflowExecutionStatus;
const NONDETERMINISM =
  temporal.api.enums.v1.WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR;
/** What failed last stands near the end of the history: webhooks that came since stand after it. */
const LATEST_EVENTS = 50;

/** The facts of a link's newest run; undefined for a workflow that is no link. */
export async function readFacts(
  { connection, namespace, read }: FactsReader,
  workflowId: string,
): Promise<LinkFacts | undefined> {
  const userId = userIdOf(workflowId);
  if (userId === undefined) return undefined;
  const description = await connection.workflowService.describeWorkflowExecution({
    namespace,
    execution: { workflowId },
  });
  const info = description.workflowExecutionInfo;
  const nowMs = Date.now();
  const indexed = info?.searchAttributes?.indexedFields;
  const [stateName] = indexedTexts(indexed, SEARCH_ATTRIBUTES.linkState);
  const [since] = indexedTexts(indexed, SEARCH_ATTRIBUTES.linkStateSince);
  const [errorCode] = indexedTexts(indexed, SEARCH_ATTRIBUTES.linkError);
  const runId = info?.execution?.runId ?? '';
  const task = description.pendingWorkflowTask;
  const status = statusOf(info?.status ?? undefined);
  const isAtRest = status === 'open' && errorCode !== undefined && description.pendingActivities.length === 0;
  const latestFailure = isAtRest ? await latestStepFailure() : undefined;
  return {
    userId,
    workflowId,
    runId,
    taskQueue: info?.taskQueue ?? '',
    state: LINK_STATES.find((state) => state === stateName) ?? 'waiting',
    stateSince: since ?? isoOf(millisecondsOf(info?.startTime) ?? nowMs),
    ...(errorCode !== undefined && { errorCode }),
    status,
    steps: await Promise.all(description.pendingActivities.map((activity) => stepOf(activity, nowMs, read))),
    ...(latestFailure && { latestFailure }),
    ...(task && { task: await taskOf(task) }),
  };

  async function taskOf(pending: NonNullable<Description['pendingWorkflowTask']>): Promise<PendingTask> {
    const scheduledMs = millisecondsOf(pending.scheduledTime) ?? nowMs;
    const attempt = pending.attempt ?? 1;
    const failure = attempt > 1 ? await latestTaskFailure() : undefined;
    const isUnstarted = pending.state === PENDING_WORKFLOW_TASK_STATE_SCHEDULED;
    return {
      attempt,
      since: isoOf(millisecondsOf(pending.originalScheduledTime) ?? scheduledMs),
      ...(isUnstarted && { unstartedMs: nowMs - scheduledMs }),
      ...(failure && { failure }),
    };
  }

  async function latestTaskFailure(): Promise<PendingTask['failure']> {
    for (const event of await latestEvents()) {
      const failed = event.workflowTaskFailedEventAttributes;
      if (failed)
        return {
          ...(await readFailure(failed.failure, read)),
          nondeterminism: failed.cause === NONDETERMINISM,
        };
      if (event.workflowTaskCompletedEventAttributes) return undefined;
    }
    return undefined;
  }

  async function latestStepFailure(): Promise<StepFailure | undefined> {
    const events = await latestEvents();
    const failed = events.flatMap((event) => event.activityTaskFailedEventAttributes ?? [])[0];
    if (!failed) return undefined;
    const scheduled = events.find(({ eventId }) => String(eventId) === String(failed.scheduledEventId));
    const name = scheduled?.activityTaskScheduledEventAttributes?.activityType?.name ?? undefined;
    return { ...(await readFailure(failed.failure, read)), ...(name !== undefined && { name }) };
  }

  /** Newest first. */
  async function latestEvents() {
    const { history } = await connection.workflowService.getWorkflowExecutionHistoryReverse({
      namespace,
      execution: { workflowId, runId },
      maximumPageSize: LATEST_EVENTS,
    });
    return history?.events ?? [];
  }
}

function statusOf(status: number | undefined): LinkFacts['status'] {
  switch (status) {
    case WORKFLOW_EXECUTION_STATUS_RUNNING:
    case WORKFLOW_EXECUTION_STATUS_PAUSED:
      return 'open';
    case WORKFLOW_EXECUTION_STATUS_TERMINATED:
    case WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
      return 'terminated';
    default:
      return 'closed';
  }
}

async function stepOf(activity: Activity, nowMs: number, read: PayloadReader): Promise<PendingStep> {
  const { state, attempt, scheduledTime, nextAttemptScheduleTime, lastFailure, paused } = activity;
  const scheduledMs = millisecondsOf(scheduledTime) ?? nowMs;
  const nextMs = millisecondsOf(nextAttemptScheduleTime);
  const isScheduled = state === PENDING_ACTIVITY_STATE_SCHEDULED;
  const failure = await readFailure(lastFailure, read);
  // Until its next attempt no worker can take it; afterwards the time of the attempt is no longer known.
  const unstartedMs = isScheduled && nextMs === undefined ? nowMs - scheduledMs : undefined;
  return {
    name: activity.activityType?.name ?? 'unknown',
    attempt: attempt ?? 1,
    since: isoOf(scheduledMs),
    ...(nextMs !== undefined && state !== PENDING_ACTIVITY_STATE_STARTED && { nextAttemptAt: isoOf(nextMs) }),
    ...(failure && { lastFailure: failure }),
    ...(unstartedMs !== undefined && { unstartedMs }),
    paused: paused ?? false,
  };
}
