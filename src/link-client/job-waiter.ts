import { setTimeout as sleep } from 'node:timers/promises';
import { type WorkflowClient, WorkflowNotFoundError } from '@temporalio/client';
import type { Job } from '../contract/jobs';
import { QUERIES, UPDATES, workflowIdOf } from '../contract/names';
import type { JobResult } from '../contract/schemas';
import { isSettled } from '../contract/states';
import type { JobReport, WaitForJobAnswer, WaitForJobUpdate } from '../contract/workflow';
import { CallDeadline } from './call-deadline';
import { LinkClientError, updateFailureType } from './link-client-error';
import { asNotFound, isOpen, queryWhenReady } from './link-reader';
import { SharedReads } from './shared-reads';
import { SharedWaits } from './shared-waits';

/** One update call is renewed after this long, so that no call is without a deadline. */
const UPDATE_CALL_TIMEOUT_MS = 60_000;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;

/** `again`: the wait ended without an answer, so look and wait once more; `closed`: the link will settle nothing any more. */
type WaitOutcome = 'settled' | 'again' | 'closed';

export interface WaitOptions {
  /** How long to wait for the job to settle; 0 or absent: not at all. */
  waitMs?: number;
  /** Ends the wait early; the call then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Waits for jobs by update: the workflow answers once the job is settled, so nobody polls. All waits for one run of a job
 * share one update, within a process by {@link SharedWaits}, between processes by its id, because Temporal allows a
 * workflow ten updates in flight.
 */
export class JobWaiter {
  readonly #client: WorkflowClient;
  readonly #callTimeoutMs: number;
  readonly #waits: SharedWaits<WaitOutcome>;
  readonly #reads = new SharedReads<JobReport | null>();

  constructor(client: WorkflowClient, options: { callTimeoutMs: number; maxWaits: number }) {
    this.#client = client;
    this.#callTimeoutMs = options.callTimeoutMs;
    this.#waits = new SharedWaits(options.maxWaits);
  }

  /** Rejects as soon as Temporal or the worker does not answer, and answers within `waitMs` and one call's timeout. */
  async wait(userId: string, job: Job, { waitMs = 0, signal }: WaitOptions): Promise<JobResult> {
    const endAt = Date.now() + waitMs;
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      signal?.throwIfAborted();
      const report = await this.#report(userId, job);
      const timeoutMs = endAt - Date.now();
      if (isSettled(report.state) || timeoutMs <= 0) return resultOf(report);

      const key = JSON.stringify([userId, job, report.run]);
      const outcome = await this.#waits.join(key, { timeoutMs, signal }, (stop) =>
        this.#untilSettled(userId, job, report.run, stop),
      );
      if (outcome === 'closed' || outcome === 'timed_out') return resultOf(await this.#report(userId, job));
      // A run that makes way for the next answers "again" at once until it is gone.
      if (outcome === 'again') {
        await sleep(Math.min(pauseMs, Math.max(0, endAt - Date.now())), undefined, { signal });
        pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS);
      }
    }
  }

  close(): void {
    this.#waits.abortAll();
  }

  #callDeadline(): CallDeadline {
    return new CallDeadline(this.#client.connection, this.#callTimeoutMs);
  }

  async #report(userId: string, job: Job): Promise<JobReport> {
    const handle = this.#client.getHandle(workflowIdOf(userId));
    const query = () => handle.query<JobReport | null, [Job]>(QUERIES.getJobResult, job);
    const shared = () =>
      this.#reads.read(JSON.stringify([userId, job]), () => queryWhenReady(this.#callDeadline(), query));
    let report: JobReport | null;
    try {
      report = await this.#callDeadline().call(shared);
    } catch (error) {
      throw asNotFound(error);
    }
    if (report === null) throw new LinkClientError('job_not_found', 'The link has no such job.');
    return report;
  }

  async #untilSettled(userId: string, job: Job, run: number, stop: AbortSignal): Promise<WaitOutcome> {
    const { connection } = this.#client;
    const handle = this.#client.getHandle(workflowIdOf(userId));
    const args: [WaitForJobUpdate] = [{ job }];
    const update = () =>
      handle.executeUpdate<WaitForJobAnswer, [WaitForJobUpdate]>(UPDATES.waitForJob, {
        args,
        updateId: `wait/${job}/${run}`,
      });
    try {
      const answer = await new CallDeadline(connection, UPDATE_CALL_TIMEOUT_MS).call(update, {
        longPoll: true,
        stop,
      });
      if (answer.settled) return 'settled';
      // Removed sooner or later: asking again until then would be a loop for nothing.
      if (answer.unlinking) return 'closed';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'closed';
      const refusal = updateFailureType(error);
      if (refusal === 'not_linked') return 'closed';
      if (refusal === 'job_not_found') {
        throw new LinkClientError('job_not_found', 'The link has no such job.', { cause: error });
      }
    }
    // Temporal keeps the answers of a closed run, so the update alone does not show that it has closed.
    try {
      const description = await new CallDeadline(connection, this.#callTimeoutMs).call(() =>
        handle.describe(),
      );
      return isOpen(description) ? 'again' : 'closed';
    } catch {
      // The next look at the job tells whether Temporal is away.
      return 'again';
    }
  }
}

function resultOf({ job, state, result, error }: JobReport): JobResult {
  const resultText = result === undefined || typeof result === 'string' ? result : JSON.stringify(result);
  return {
    job,
    state,
    ...(resultText !== undefined && { result: JSON.parse(resultText), resultText }),
    ...(error !== undefined && { error }),
  };
}
