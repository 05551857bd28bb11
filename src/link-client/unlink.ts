import {
  type WorkflowClient,
  type WorkflowExecutionDescription,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { LinkView } from '../contract/schemas';
import { isFinal } from '../contract/states';
import { CallDeadline } from './call-deadline';
import { LinkClientError } from './link-client-error';
import { firstRunIdOf, isOpen, type LinkReader } from './link-reader';

export interface UnlinkOptions {
  /** How long to wait for the link to have ended; 0 or absent: not at all. */
  waitMs?: number;
  /** A run of the link that is meant, as in its LinkView: a link that was started since is left alone. */
  runId?: string;
  /** Ends the wait early: the answer is the view as it is then. */
  signal?: AbortSignal;
}

interface UnlinkDependencies {
  client: WorkflowClient;
  reader: LinkReader;
  callTimeoutMs: number;
}

/** Cancels the user's newest link, and answers about that one, whatever is started meanwhile. */
export async function unlink(
  { client, reader, callTimeoutMs }: UnlinkDependencies,
  userId: string,
  { waitMs = 0, runId, signal }: UnlinkOptions,
): Promise<LinkView> {
  const endAt = Date.now() + waitMs;
  const asking = new CallDeadline(client.connection, callTimeoutMs);
  const link = await reader.describe(userId, asking);
  if (runId !== undefined) await refuseUnlessRunOf(link, { userId, runId }, reader, asking);

  const cancelled = isOpen(link) && (await cancel(client, link, asking));
  let reading = asking;
  if (cancelled && waitMs > 0) {
    const hasClosed = await untilClosed(client, link, { waitMs, signal });
    // The last view of a long link takes a worker a while: it goes through all that was.
    const remainingMs = hasClosed ? endAt - Date.now() : 0;
    reading = new CallDeadline(client.connection, Math.max(remainingMs, callTimeoutMs));
  }
  const view = await reader.read(userId, reading, link.runId);
  // Its view may have been read a moment before it took note.
  return cancelled && !isFinal(view.state) ? { ...view, state: 'unlinking' } : view;
}

async function refuseUnlessRunOf(
  link: WorkflowExecutionDescription,
  { userId, runId }: { userId: string; runId: string },
  reader: LinkReader,
  deadline: CallDeadline,
): Promise<void> {
  if (link.runId === runId) return;
  const refusal = new LinkClientError('not_linked', 'runId is not of the newest link of this user.');
  try {
    const named = await reader.describe(userId, deadline, runId);
    if (firstRunIdOf(named) === firstRunIdOf(link)) return;
  } catch (error) {
    if (!(error instanceof LinkClientError && error.code === 'link_not_found')) throw error;
  }
  throw refusal;
}

/** Whether the link was open to be cancelled. */
async function cancel(
  client: WorkflowClient,
  link: WorkflowExecutionDescription,
  deadline: CallDeadline,
): Promise<boolean> {
  const firstExecutionRunId = firstRunIdOf(link);
  const handle = client.getHandle(link.workflowId, undefined, {
    ...(firstExecutionRunId !== undefined && { firstExecutionRunId }),
  });
  try {
    await deadline.call(() => handle.cancel());
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Whether the run and those that continue it have closed, in whatever way, before time is up. */
async function untilClosed(
  client: WorkflowClient,
  { workflowId, runId }: WorkflowExecutionDescription,
  { waitMs, signal }: { waitMs: number; signal: AbortSignal | undefined },
): Promise<boolean> {
  const result = () => client.result(workflowId, runId, { followRuns: true });
  const deadline = new CallDeadline(client.connection, waitMs);
  try {
    await deadline.call(result, { longPoll: true, ...(signal && { stop: signal }) });
    return true;
  } catch (error) {
    // Whether Temporal is there at all is seen by the read that follows.
    return error instanceof WorkflowFailedError;
  }
}
