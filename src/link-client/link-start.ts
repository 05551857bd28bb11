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

/** A link may close between "it is open" and looking at it; more often than this in a row is no accident. */
const START_ATTEMPTS = 5;

type ReusePolicy = 'ALLOW_DUPLICATE' | 'REJECT_DUPLICATE';

export interface StartDependencies {
  client: WorkflowClient;
  reader: LinkReader;
  keyRing: KeyRing;
  sealer: TokenSealer;
  taskQueue: string;
  eagerStart: boolean;
}

/**
 * Starts the workflow of a user, or finds that the same request has started it: Temporal allows one open run a workflow
 * id, and the memo's fingerprint says whose it is. A public token is good for one exchange, so the same request with one
 * finds its link after that has closed too. The fresh view is made here, so a start needs no worker.
 */
export async function startLink(
  dependencies: StartDependencies,
  request: StartLink,
  deadline: CallDeadline,
): Promise<{ link: LinkView; created: boolean }> {
  const { client, reader, keyRing } = dependencies;
  const { userId, jobs, publicToken } = request;
  const state = initialState(request);
  // For a user who was never linked, one call does.
  let reusePolicy: ReusePolicy = publicToken === undefined ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE';
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    const createdAt = new Date().toISOString();
    const options = await startOptions(dependencies, request, { createdAt, reusePolicy });
    try {
      const { firstExecutionRunId: runId } = await deadline.call(() => client.start(WORKFLOW_TYPE, options));
      return { link: initialLinkView({ userId, state, jobs, runId, createdAt }), created: true };
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }

    let description: WorkflowExecutionDescription;
    try {
      description = await reader.describe(userId, deadline);
    } catch (error) {
      const { code } = toLinkClientError(error);
      // Gone meanwhile, or closed since before the oldest key: nothing of it is needed. An open one refuses the next attempt.
      const mayBeClosed = code === 'configuration_error' && reusePolicy === 'REJECT_DUPLICATE';
      if (code !== 'link_not_found' && !mayBeClosed) throw error;
      reusePolicy = 'ALLOW_DUPLICATE';
      continue;
    }
    const memo = memoOf(description.memo);
    const sameMemo = memo && matchesFingerprint(keyRing, request, memo.fingerprint) ? memo : undefined;
    if (!isOpen(description)) {
      if (sameMemo !== undefined && publicToken !== undefined) {
        return { link: await reader.readClosed(description, deadline), created: false };
      }
      reusePolicy = 'ALLOW_DUPLICATE';
      continue;
    }
    if (sameMemo === undefined) {
      throw new LinkClientError('already_linked', 'The user has another link open. Unlink it first.');
    }
    const { runId } = description;
    const link = isUntouched(description)
      ? initialLinkView({ userId, state, jobs, runId, createdAt: sameMemo.createdAt })
      : await reader.read(userId, deadline, runId);
    return { link, created: false };
  }
  throw temporalUnavailable();
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
