import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionLike } from '@temporalio/client';
import { isGrpcServiceError } from '@temporalio/client';
import { type google, temporal } from '@temporalio/proto';
import { eraseIdOf, workflowIdOf } from '../contract/names';
import { GRPC_STATUS } from './grpc-status';

const { WorkflowExecutionStatus, HistoryEventFilterType } = temporal.api.enums.v1;

/** Of one call. */
const CALL_TIMEOUT_MS = 10_000;
const WAIT_FOR_END_MS = 8_000;
const PAGE_SIZE = 200;
const DELETES_AT_ONCE = 10;
const WAIT_FOR_DELETION_MS = 20_000;
const DELETION_PAUSE_MS = 500;

interface Execution {
  workflowId: string;
  runId: string;
}

interface Listed extends Execution {
  /** The run of the link that it belongs to: its own, or for a notification that of its parent. */
  linkRunId: string;
}

/**
 * All that Temporal holds of one user: runs of the link, notifications, and earlier erasures. Needs no key. A link that was
 * started after the erasure was asked for, and is open, is left alone.
 */
export class UserRuns {
  readonly #connection: ConnectionLike;
  readonly #namespace: string;

  constructor({ connection, namespace }: { connection: ConnectionLike; namespace: string }) {
    this.#connection = connection;
    this.#namespace = namespace;
  }

  /** Whether Temporal holds anything of the user, erasures aside. */
  async hasAny(userId: string): Promise<boolean> {
    if ((await this.#describe({ workflowId: workflowIdOf(userId) })) !== undefined) return true;
    return (await this.#list(ofUser(userId), 1)).length > 0;
  }

  /** Cancels the user's link, and waits some time for its end. Resolves with whether it has closed. */
  async endLink(userId: string, askedAt: Date): Promise<boolean> {
    const link = await this.#openLink(userId);
    if (link === undefined || link.startedAt > askedAt) return true;
    try {
      await this.#call((service, namespace) =>
        service.requestCancelWorkflowExecution({
          namespace,
          workflowExecution: { workflowId: link.workflowId },
          firstExecutionRunId: link.firstRunId,
          reason: 'the user is erased',
        }),
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    await this.#waitForEnd(link);
    const now = await this.#openLink(userId);
    return now?.firstRunId !== link.firstRunId;
  }

  /**
   * Deletes what there is of the user, and waits some time until the server has. Resolves with whether there was nothing
   * left to delete.
   */
  async deleteRuns(userId: string, { askedAt, erasureRunId }: { askedAt: Date; erasureRunId: string }) {
    const newest = await this.#openLink(userId);
    const kept = newest !== undefined && newest.startedAt > askedAt ? newest : undefined;
    const listed: Execution[] = [];
    for (const run of await this.#list(ofUser(userId), PAGE_SIZE)) {
      if (kept === undefined || !(await this.#isOf(kept, run))) listed.push(run);
    }
    // The index follows by a moment; the newest run is known without it.
    const last = kept ? undefined : await this.#describe({ workflowId: workflowIdOf(userId) });
    if (last && !listed.some(({ runId }) => runId === last.runId)) listed.push(last);
    const erasures = await this.#list(`WorkflowId = ${quoted(eraseIdOf(userId))}`, PAGE_SIZE);
    listed.push(...erasures.filter(({ runId }) => runId !== erasureRunId));
    for (let from = 0; from < listed.length; from += DELETES_AT_ONCE) {
      await Promise.all(listed.slice(from, from + DELETES_AT_ONCE).map((run) => this.#delete(run)));
    }
    await this.#waitUntilGone(listed);
    return listed.length === 0;
  }

  /** The open run of the user's link, with the start of its first run. */
  async #openLink(
    userId: string,
  ): Promise<(Execution & { firstRunId: string; startedAt: Date }) | undefined> {
    const workflowId = workflowIdOf(userId);
    const run = await this.#describe({ workflowId });
    if (run === undefined || !run.open) return undefined;
    const first = await this.#describe({ workflowId, runId: run.firstRunId });
    return { ...run, startedAt: first?.startedAt ?? new Date(0) };
  }

  async #isOf(kept: { workflowId: string; firstRunId: string }, { linkRunId }: Listed): Promise<boolean> {
    const run = await this.#describe({ workflowId: kept.workflowId, runId: linkRunId });
    return run?.firstRunId === kept.firstRunId;
  }

  async #describe(execution: { workflowId: string; runId?: string }) {
    try {
      const { workflowExecutionInfo: info } = await this.#call((service, namespace) =>
        service.describeWorkflowExecution({ namespace, execution }),
      );
      const runId = info?.execution?.runId ?? '';
      return {
        workflowId: execution.workflowId,
        runId,
        firstRunId: info?.firstRunId || runId,
        startedAt: timeOf(info?.startTime),
        open:
          info?.status === WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING ||
          info?.status === WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED,
      };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #waitForEnd(execution: Execution): Promise<void> {
    const { workflowId, runId } = execution;
    try {
      await this.#call(
        (service, namespace) =>
          service.getWorkflowExecutionHistory({
            namespace,
            execution: { workflowId, runId },
            waitNewEvent: true,
            historyEventFilterType: HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
            skipArchival: true,
          }),
        WAIT_FOR_END_MS,
      );
    } catch (error) {
      const isOver = isGrpcServiceError(error) && error.code === GRPC_STATUS.DEADLINE_EXCEEDED;
      if (!isOver && !isNotFound(error)) throw error;
    }
  }

  async #list(query: string, pageSize: number): Promise<Listed[]> {
    const { executions } = await this.#call((service, namespace) =>
      service.listWorkflowExecutions({ namespace, query, pageSize }),
    );
    return executions.flatMap(({ execution, parentExecution }) => {
      const { workflowId, runId } = execution ?? {};
      if (!workflowId || !runId) return [];
      return [{ workflowId, runId, linkRunId: parentExecution?.runId || runId }];
    });
  }

  async #delete({ workflowId, runId }: Execution): Promise<void> {
    try {
      await this.#call((service, namespace) =>
        service.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId, runId } }),
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The server takes a run out of its index before it deletes it, so each is looked for by its id. */
  async #waitUntilGone(runs: readonly Execution[]): Promise<void> {
    const endMs = Date.now() + WAIT_FOR_DELETION_MS;
    for (const run of runs) {
      while ((await this.#describe(run)) !== undefined) {
        if (Date.now() > endMs) return;
        await delay(DELETION_PAUSE_MS);
      }
    }
  }

  #call<T>(
    call: (service: ConnectionLike['workflowService'], namespace: string) => Promise<T>,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<T> {
    return this.#connection.withDeadline(Date.now() + timeoutMs, () =>
      call(this.#connection.workflowService, this.#namespace),
    );
  }
}

function timeOf(time: google.protobuf.ITimestamp | null | undefined): Date {
  return new Date(Number(time?.seconds ?? 0) * 1_000 + Number(time?.nanos ?? 0) / 1e6);
}

/** Links and notifications: `processor-link/<userId>`, and `processor-link/<userId>/notification/…`. */
function ofUser(userId: string): string {
  const workflowId = workflowIdOf(userId);
  return `(WorkflowId = ${quoted(workflowId)} OR WorkflowId STARTS_WITH ${quoted(`${workflowId}/`)})`;
}

/** User ids have no character that would have to be escaped. */
function quoted(value: string): string {
  return `'${value}'`;
}

function isNotFound(error: unknown): boolean {
  return isGrpcServiceError(error) && error.code === GRPC_STATUS.NOT_FOUND;
}
