import {
  type WorkflowClient,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionDescription,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import { WORKFLOW_TYPE, workflowIdOf } from '../contract/names';
import type { LinkView, StartLink } from '../contract/schemas';
import type { IndexedLinkState, LinkState } from '../contract/states';
import type { LinkMemo, ProcessorLinkInput, TokenSealer } from '../contract/workflow';
import type { KeyRing } from '../encryption/key-ring';
import { linkJobsKey, linkStateKey, linkStateSinceKey } from '../temporal/search-attributes';
import type { CallDeadline } from './call-deadline';
import { LinkClientError, temporalUnavailable, toLinkClientError } from './link-client-error';
import { fingerprintOf, inOrder, matchesFingerprint } from './link-fingerprint';
import { initialLinkView, isOpen, isUntouched, type LinkReader } from './link-reader';
import { hasOpenRun } from './open-status';
import type { SharedReads } from './shared-reads';

/** Another request of the user may be served, or its link close, in between; more often in a row is no accident. */
const START_ATTEMPTS = 5;

type ReusePolicy = 'ALLOW_DUPLICATE' | 'REJECT_DUPLICATE';

interface Started {
  link: LinkView;
  created: boolean;
}

/** Whose turn it was to start a link of the user, and what came of it; nothing, where Temporal refused the start. */
export interface StartTurn {
  request: StartLink;
  outcome: PromiseSettledResult<Started | undefined>;
}

export interface StartDependencies {
  client: WorkflowClient;
  reader: LinkReader;
  keyRing: KeyRing;
  sealer: TokenSealer;
  taskQueue: string;
  eagerStart: boolean;
  /** Of one process, by user. */
  turns: SharedReads<StartTurn>;
}

/**
 * Starts the workflow of a user, or finds that the same request has started it: Temporal allows one open run a workflow
 * id, and the memo's fingerprint says whose it is. A public token is good for one exchange, so the same request with one
 * finds its link after that has closed too. The fresh view is made here, so a start needs no worker.
 *
 * Of a start that it refuses, Temporal's server keeps the input for weeks, where no erasure can reach it. So each looks
 * before it starts, and those of one user take turns; whoever has waited for another's turn looks again.
 */
export async function startLink(
  dependencies: StartDependencies,
  request: StartLink,
  deadline: CallDeadline,
): Promise<Started> {
  const { userId } = request;
  const takeTurn = async (): Promise<StartTurn> => {
    const [outcome] = await Promise.allSettled([findOrStart(dependencies, request, deadline)]);
    return { request, outcome };
  };
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    const turn = await deadline.call(() => dependencies.turns.read(userId, takeTurn));
    if (turn.request !== request) {
      const newest = await newestRun(dependencies, userId, deadline);
      const link = newest && (await linkOfRequest(dependencies, request, newest, deadline));
      if (link) return { link, created: false };
    } else if (turn.outcome.status === 'rejected') {
      throw turn.outcome.reason;
    } else if (turn.outcome.value !== undefined) {
      return turn.outcome.value;
    }
  }
  throw temporalUnavailable();
}

/** Undefined where Temporal refuses the start, because another process has started a link in between. */
async function findOrStart(
  dependencies: StartDependencies,
  request: StartLink,
  deadline: CallDeadline,
): Promise<Started | undefined> {
  const { userId, jobs, publicToken } = request;
  const newest = await newestRun(dependencies, userId, deadline);
  const found = newest && (await linkOfRequest(dependencies, request, newest, deadline));
  if (found) return { link: found, created: false };

  const createdAt = new Date().toISOString();
  // Of two requests with the same public token the one must see the other's link, and not start another, also once that
  // has closed.
  const isFirst = newest === undefined && publicToken !== undefined;
  const reusePolicy: ReusePolicy = isFirst ? 'REJECT_DUPLICATE' : 'ALLOW_DUPLICATE';
  const options = await startOptions(dependencies, request, { createdAt, reusePolicy });
  try {
    const start = () => dependencies.client.start(WORKFLOW_TYPE, options);
    const { firstExecutionRunId: runId } = await deadline.call(start);
    const state = initialState(request);
    return { link: initialLinkView({ userId, state, jobs, runId, createdAt }), created: true };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/** A closed run that no key of the ring can read. Nothing of it is needed. */
const UNREADABLE = 'unreadable';

/** The newest run, undefined where there is none. Throws `configuration_error` for an open one that no key can read. */
async function newestRun(
  { client, reader }: StartDependencies,
  userId: string,
  deadline: CallDeadline,
): Promise<WorkflowExecutionDescription | typeof UNREADABLE | undefined> {
  try {
    return await reader.describe(userId, deadline);
  } catch (error) {
    const { code } = toLinkClientError(error);
    if (code === 'link_not_found') return undefined;
    if (code !== 'configuration_error') throw error;
    if (await hasOpenRun(client, workflowIdOf(userId), deadline)) throw error;
    return UNREADABLE;
  }
}

/** The link that the same request has started, if there is one. Throws `already_linked` where another one's is open. */
async function linkOfRequest(
  { reader, keyRing }: StartDependencies,
  request: StartLink,
  newest: WorkflowExecutionDescription | typeof UNREADABLE,
  deadline: CallDeadline,
): Promise<LinkView | undefined> {
  if (newest === UNREADABLE) return undefined;
  const { userId, jobs, publicToken } = request;
  const memo = memoOf(newest.memo);
  const isSame = memo !== undefined && matchesFingerprint(keyRing, request, memo.fingerprint);
  if (!isOpen(newest)) {
    return isSame && publicToken !== undefined ? reader.readClosed(newest, deadline) : undefined;
  }
  if (!isSame) {
    throw new LinkClientError('already_linked', 'The user has another link open. Unlink it first.');
  }
  const { runId } = newest;
  if (!isUntouched(newest)) return reader.read(userId, deadline, runId);
  const { createdAt } = memo;
  return initialLinkView({ userId, state: initialState(request), jobs, runId, createdAt });
}

async function startOptions(
  { keyRing, sealer, taskQueue, eagerStart }: StartDependencies,
  request: StartLink,
  { createdAt, reusePolicy }: { createdAt: string; reusePolicy: ReusePolicy },
): Promise<WorkflowStartOptions<(input: ProcessorLinkInput) => Promise<unknown>>> {
  const { userId, accountId, publicToken, accessToken } = request;
  const jobs = inOrder(request.jobs);
  const input: ProcessorLinkInput = {
    userId,
    ...(accountId !== undefined && { accountId }),
    ...(publicToken !== undefined && {
      sealedPublicToken: await sealer.seal('publicToken', userId, publicToken),
    }),
    ...(accessToken !== undefined && {
      sealedAccessToken: await sealer.seal('accessToken', userId, accessToken),
    }),
    jobs,
  };
  const memo: LinkMemo = { fingerprint: fingerprintOf(keyRing, request), createdAt };
  return {
    workflowId: workflowIdOf(userId),
    taskQueue,
    args: [input],
    workflowIdConflictPolicy: 'FAIL',
    workflowIdReusePolicy: reusePolicy,
    memo: { ...memo },
    typedSearchAttributes: new TypedSearchAttributes([
      { key: linkStateKey, value: 'waiting' satisfies IndexedLinkState },
      { key: linkStateSinceKey, value: new Date(createdAt) },
      { key: linkJobsKey, value: jobs },
    ]),
    staticSummary: `Link of ${userId}: ${jobs.join(', ')}`,
    ...(eagerStart && { requestEagerStart: true }),
  };
}

function initialState({ publicToken }: StartLink): LinkState {
  return publicToken === undefined ? 'creating_processor_token' : 'exchanging';
}

function memoOf(memo: Record<string, unknown> | undefined): LinkMemo | undefined {
  const { fingerprint, createdAt } = memo ?? {};
  return typeof fingerprint === 'string' && typeof createdAt === 'string'
    ? { fingerprint, createdAt }
    : undefined;
}
