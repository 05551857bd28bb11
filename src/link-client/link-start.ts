import {
  type WorkflowClient,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import { WORKFLOW_TYPE, workflowIdOf } from '../contract/names';
import type { LinkView, StartLink } from '../contract/schemas';
import type { LinkState } from '../contract/states';
import type { LinkMemo, ProcessorLinkInput, TokenSealer } from '../contract/workflow';
import type { KeyRing } from '../encryption/key-ring';
import { linkJobsKey, linkStateKey } from '../temporal/search-attributes';
import type { CallDeadline } from './call-deadline';
import { LinkClientError, temporalUnavailable } from './link-client-error';
import { fingerprintOf, inOrder, matchesFingerprint } from './link-fingerprint';
import { initialLinkView, isOpen, isUntouched, type LinkReader } from './link-reader';

/** A link may close between "it is open" and looking at it; more often than this in a row is no accident. */
const START_ATTEMPTS = 5;

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
 * id, and the memo's fingerprint says whose it is. The fresh view is made here, so a start needs no worker.
 */
export async function startLink(
  dependencies: StartDependencies,
  request: StartLink,
  deadline: CallDeadline,
): Promise<{ link: LinkView; created: boolean }> {
  const { client, reader, keyRing } = dependencies;
  const { userId, jobs } = request;
  const state = initialState(request);
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    const createdAt = new Date().toISOString();
    const options = startOptions(dependencies, request, createdAt);
    try {
      const { firstExecutionRunId: runId } = await deadline.call(() => client.start(WORKFLOW_TYPE, options));
      return { link: initialLinkView({ userId, state, jobs, runId, createdAt }), created: true };
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }

    const description = await reader.describe(userId, deadline);
    if (!isOpen(description)) continue;
    const memo = memoOf(description.memo);
    if (memo === undefined || !matchesFingerprint(keyRing, request, memo.fingerprint)) {
      throw new LinkClientError('already_linked', 'The user has another link open. Unlink it first.');
    }
    const { runId } = description;
    const link = isUntouched(description)
      ? initialLinkView({ userId, state, jobs, runId, createdAt: memo.createdAt })
      : await reader.read(userId, deadline);
    return { link, created: false };
  }
  throw temporalUnavailable();
}

function startOptions(
  { keyRing, sealer, taskQueue, eagerStart }: StartDependencies,
  request: StartLink,
  createdAt: string,
): WorkflowStartOptions<(input: ProcessorLinkInput) => Promise<unknown>> {
  const { userId, accountId, publicToken, accessToken } = request;
  const jobs = inOrder(request.jobs);
  const input: ProcessorLinkInput = {
    userId,
    ...(accountId !== undefined && { accountId }),
    ...(publicToken !== undefined && { sealedPublicToken: sealer.seal('publicToken', userId, publicToken) }),
    ...(accessToken !== undefined && { sealedAccessToken: sealer.seal('accessToken', userId, accessToken) }),
    jobs,
  };
  const memo: LinkMemo = { fingerprint: fingerprintOf(keyRing, request), createdAt };
  return {
    workflowId: workflowIdOf(userId),
    taskQueue,
    args: [input],
    workflowIdConflictPolicy: 'FAIL',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    memo: { ...memo },
    typedSearchAttributes: new TypedSearchAttributes([
      { key: linkStateKey, value: initialState(request) },
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
