import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import { erasedUserOf } from '../src/contract/names';

/** All that Temporal holds of one user. */
export interface ErasableRuns {
  endLink(userId: string, askedAt: Date): Promise<boolean>;
  deleteRuns(userId: string, erasure: { askedAt: Date; erasureRunId: string }): Promise<boolean>;
}

/** When the erasure was asked for, ISO 8601: links that were started later are left alone. */
interface Erasure {
  askedAt: string;
}

/**
 * The steps of an erasure. The user is that of the workflow's id, so that the history which stays holds an id and times
 * and nothing else.
 */
export function createErasureActivities(runs: ErasableRuns) {
  return {
    /** Unlinks the user, and waits some time for the end. Resolves with whether the link has closed. */
    async endLink({ askedAt }: Erasure): Promise<boolean> {
      return runs.endLink(thisErasure().userId, new Date(askedAt));
    },

    /** Deletes every run and notification. Resolves with whether there was nothing left to delete. */
    async deleteRuns({ askedAt }: Erasure): Promise<boolean> {
      const { userId, erasureRunId } = thisErasure();
      return runs.deleteRuns(userId, { askedAt: new Date(askedAt), erasureRunId });
    },
  };
}

export type ErasureActivities = ReturnType<typeof createErasureActivities>;

function thisErasure(): { userId: string; erasureRunId: string } {
  const { workflowId = '', runId = '' } = activityInfo().workflowExecution ?? {};
  const userId = erasedUserOf(workflowId);
  if (userId !== undefined) return { userId, erasureRunId: runId };
  throw ApplicationFailure.nonRetryable('The workflow id names no user to erase.', 'internal_error');
}
