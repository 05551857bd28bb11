import type { WorkflowClient } from '@temporalio/client';
import { INDEXED_LINK_STATES, type IndexedLinkState } from '../contract/states';
import { CallDeadline } from './call-deadline';
import { OF_LINKS, stateCondition } from './link-list';

/**
 * How many links there are in each state that lasts, from Temporal's index alone: of ended ones, the runs that it still has.
 * Rejects with `temporal_unavailable` after `timeoutMs`.
 */
export async function countLinks(
  client: WorkflowClient,
  timeoutMs: number,
): Promise<Record<IndexedLinkState, number>> {
  const deadline = new CallDeadline(client.connection, timeoutMs);
  const counted = await Promise.all(
    INDEXED_LINK_STATES.map(async (state) => {
      const query = `${OF_LINKS} AND ${stateCondition(state)}`;
      const { count } = await deadline.call(() => client.count(query));
      return [state, count] as const;
    }),
  );
  const counts = { waiting: 0, linked: 0, needs_attention: 0, unlinking: 0, unlinked: 0, failed: 0 };
  for (const [state, count] of counted) counts[state] = count;
  return counts;
}
