/** What operators see of a link in the Temporal UI: a line of details, which costs no event, and the search attributes. */
import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import { log, setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { FailureCode } from '../src/contract/failures';
import { JOBS } from '../src/contract/jobs';
import { SEARCH_ATTRIBUTES } from '../src/contract/names';
import { jobsOf, type LinkFacts } from './facts';
import { listedStateOf, stateOf, troubleOf } from './link-view';

const LINK_STATE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkState, 'KEYWORD');
const LINK_STATE_SINCE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkStateSince, 'DATETIME');
const LINK_ERROR = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkError, 'KEYWORD');
const LINK_JOBS = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkJobs, 'KEYWORD_LIST');
const PLAID_ITEM_ID = defineSearchAttributeKey(SEARCH_ATTRIBUTES.plaidItemId, 'KEYWORD');

export function describe(link: LinkFacts): void {
  const trouble = troubleOf(link);
  const lines = [`**${stateOf(link)}**${trouble ? `: ${trouble.code}` : ''}`];
  if (link.account) lines.push(`account ${link.account.accountId}`);
  for (const job of JOBS) {
    const facts = link.jobs[job];
    if (facts) lines.push(`${job}: ${facts.state}`);
  }
  setCurrentDetails(lines.join('\n\n'));
}

/**
 * Makes the link findable by its state, its error and its jobs. Each upsert is an event in the history and a write to the
 * index, so there is none while the link is listed as what it is; the Item's id goes with the next one.
 */
export function publish(link: LinkFacts): void {
  const listed = workflowInfo().typedSearchAttributes;
  const state = listedStateOf(link);
  const error = errorCodeOf(link);
  const jobs = JOBS.filter((job) => link.jobs[job] !== undefined);
  const isListed =
    listed.get(LINK_STATE) === state &&
    listed.get(LINK_ERROR) === error &&
    listed.get(LINK_JOBS)?.join() === jobs.join();
  if (isListed) return;
  const updates: SearchAttributeUpdatePair[] = [
    { key: LINK_STATE, value: state },
    { key: LINK_STATE_SINCE, value: new Date(link.stateSince) },
    { key: LINK_JOBS, value: jobs },
  ];
  if (error !== listed.get(LINK_ERROR)) updates.push({ key: LINK_ERROR, value: error ?? null });
  if (link.itemId !== undefined) updates.push({ key: PLAID_ITEM_ID, value: link.itemId });
  upsertSearchAttributes(updates);
  log.debug('link state published', { state });
}

/** The link's own error, else that of a job. */
function errorCodeOf(link: LinkFacts): FailureCode | undefined {
  return troubleOf(link)?.code ?? jobsOf(link).find(({ reason }) => reason !== undefined)?.reason?.code;
}
