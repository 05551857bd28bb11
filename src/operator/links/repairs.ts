/** What an operator can do to one link. Each says what it did, in a few words. */
import { randomBytes, randomUUID } from 'node:crypto';
import { type Connection, isGrpcServiceError } from '@temporalio/client';
import { JOBS, type Job } from '../../contract/jobs';
import { SIGNALS, workflowIdOf } from '../../contract/names';
import type { LinkView } from '../../contract/schemas';
import { isFinal } from '../../contract/states';
import type { LinkClient } from '../../link-client/link-client';
import { GRPC_STATUS } from '../../temporal/grpc-status';

export interface RepairTools {
  connection: Connection;
  namespace: string;
  links: LinkClient;
}

/** Who asks, as Temporal's histories and lists name it. */
export const IDENTITY = 'processor-link links';

/** A hint of an old event makes the link ask as it does by poll: what is empty yet is not taken for a result. */
const LONG_AGO = new Date(0).toISOString();

/**
 * Tries pending steps at once, paused ones too, and those that wait before their next start. Attempts count from 1 again.
 */
export async function retryLink(tools: RepairTools, userId: string): Promise<string> {
  const { connection, namespace } = tools;
  const execution = { workflowId: workflowIdOf(userId) };
  const { pendingActivities } = await connection.workflowService.describeWorkflowExecution({
    namespace,
    execution,
  });
  const tried: string[] = [];
  // One by one: a server before 1.30 resets none when asked to reset all.
  for (const { activityId, activityType } of pendingActivities) {
    if (!activityId) continue;
    const request = { namespace, execution, id: activityId, identity: IDENTITY };
    if (await wasFound(connection.workflowService.resetActivity(request)))
      tried.push(activityType?.name ?? 'a step');
  }
  // After the steps: one that fails meanwhile begins its wait before.
  if (!(await wasFound(signal(tools, userId, SIGNALS.retryNow)))) return 'the link has ended meanwhile';
  return tried.length === 0 ? 'what waits for its next start' : tried.join(', ');
}

/** Has the run continue as new as soon as nothing is under way. */
export async function renewLink(tools: RepairTools, userId: string): Promise<string> {
  await signal(tools, userId, SIGNALS.renew);
  return 'continues as new once no step is under way';
}

async function signal(
  { connection, namespace }: RepairTools,
  userId: string,
  signalName: string,
): Promise<void> {
  const workflowExecution = { workflowId: workflowIdOf(userId) };
  const request = { namespace, workflowExecution, signalName, identity: IDENTITY, requestId: randomUUID() };
  await connection.workflowService.signalWorkflowExecution(request);
}

/** Whether there was something to call about: a step or a link may have ended meanwhile. */
async function wasFound(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === GRPC_STATUS.NOT_FOUND) return false;
    throw error;
  }
}

/** Has the link ask Atomic now for each result that it waits for. */
export async function fetchResults({ links }: RepairTools, userId: string): Promise<string> {
  const view = await links.get(userId);
  const jobs = jobsWhere(view, ({ state }) => state === 'registered');
  for (const job of jobs) {
    const bodySha256 = randomBytes(32).toString('hex');
    await links.signalAtomicWebhook(userId, { job, bodySha256, eventTime: LONG_AGO });
  }
  return jobs.length === 0 ? 'no job waits for a result' : jobs.join(', ');
}

/** Runs a job again, or without one each that failed. */
export async function rerunJobs({ links }: RepairTools, userId: string, job?: Job): Promise<string> {
  const jobs =
    job === undefined ? jobsWhere(await links.get(userId), ({ state }) => state === 'failed') : [job];
  for (const one of jobs) await links.runJob(userId, one);
  return jobs.length === 0 ? 'no job has failed' : jobs.join(', ');
}

export async function unlink({ links }: RepairTools, userId: string): Promise<string> {
  const { state } = await links.unlink(userId);
  return isFinal(state) ? `was ${state}` : state;
}

/** For one user until it is done, within reason; it goes on without anybody waiting. */
export async function eraseUser({ links }: RepairTools, userId: string, waitMs: number): Promise<string> {
  const { erased } = await links.eraseUser(userId, { waitMs });
  return erased ? 'erased' : 'is being erased';
}

function jobsWhere(view: LinkView, fits: (job: NonNullable<LinkView['jobs'][Job]>) => boolean): Job[] {
  return JOBS.filter((job) => {
    const record = view.jobs[job];
    return record !== undefined && fits(record);
  });
}
