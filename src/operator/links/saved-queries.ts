import { SEARCH_ATTRIBUTES } from '../../contract/names';

const { linkError, linkState } = SEARCH_ATTRIBUTES;

/** Lists of links that operators look at, by Temporal's visibility. */
export const SAVED_QUERIES = [
  { name: 'links that need their user', query: `${linkState} = 'needs_attention'` },
  { name: 'links with an error', query: `${linkError} IS NOT NULL` },
  {
    name: 'links that are being unlinked',
    query: `${linkState} = 'unlinking' AND ExecutionStatus = 'Running'`,
  },
] as const;

/** The list in the Temporal UI. `workflowsUrl` is that of all workflows of the namespace. */
export function savedQueryUrl(workflowsUrl: string, query: string): string {
  return `${workflowsUrl}?query=${encodeURIComponent(query).replaceAll("'", '%27')}`;
}
