/** What operators see of a link in the Temporal UI: a line of details, which costs no event, and the search attributes. */
import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import { log, setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { FailureCode } from '../src/contract/failures';
import { JOBS } from '../src/contract/jobs';
import { SEARCH_ATTRIBUTES } from '../src/contract/names';
import { isFinal } from '../src/contract/states';
import { jobsOf, type LinkFacts } from './facts';
import { listedStateOf, stateOf, troubleOf } from './link-view';
import { provenance } from './step-failure';

const LINK_STATE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkState, 'KEYWORD');
const LINK_STATE_SINCE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkStateSince, 'DATETIME');
const LINK_ERROR = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkError, 'KEYWORD');
const LINK_JOBS = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkJobs, 'KEYWORD_LIST');
const PLAID_ITEM_ID = defineSearchAttributeKey(SEARCH_ATTRIBUTES.plaidItemId, 'KEYWORD');

/** Three lines: what stands and since when; why; what comes next, and whose move it is. */
export function describe(link: LinkFacts): void {
  setCurrentDetails(detailsOf(link).join('\n\n'));
}

export function detailsOf(link: LinkFacts): string[] {
  const jobs = JOBS.flatMap((job) => (link.jobs[job] ? [`${job}: ${link.jobs[job].state}`] : []));
  const account = link.account ? `, account ${link.account.accountId}` : '';
  return [
    `**${stateOf(link)}** since ${link.stateSince}${account}; ${jobs.join(', ')}`,
    `Why: ${whyOf(link)}`,
    `Next: ${nextMoveOf(link)}`,
  ];
}

function whyOf(link: LinkFacts): string {
  const job = JOBS.find((one) => link.jobs[one]?.reason !== undefined);
  const reason = troubleOf(link) ?? (job && link.jobs[job]?.reason);
  if (!reason) return 'nothing is wrong';
  const source = provenance(reason);
  const subject = troubleOf(link) ? '' : `${job}: `;
  return `${subject}${reason.code}${source === '' ? '' : ` (${source})`}`;
}

function nextMoveOf(link: LinkFacts): string {
  const trouble = troubleOf(link);
  if (trouble?.code === 'configuration_error' && !isFinal(stateOf(link)))
    return 'an operator fixes keys or set-up; it is retried at least every 10 minutes';
  const state = stateOf(link);
  if (trouble && state !== 'needs_attention' && !isFinal(state))
    return 'it is retried automatically; see the pending activities';
  switch (state) {
    case 'exchanging':
    case 'creating_processor_token':
    case 'registering':
      return 'a step is in progress';
    case 'waiting':
      return "waits for Atomic's webhook, and polls Atomic once that is overdue";
    case 'linked':
      return 'nothing, until a job is requested, a webhook arrives or the link is removed';
    case 'needs_attention':
      return !link.choices?.length
        ? 'the user acts in Link, in update mode'
        : 'the user chooses one of the accounts (POST …/account)';
    case 'unlinking':
      return 'access at Atomic and Plaid is removed, however long that takes';
    case 'unlinked':
    case 'failed':
      return 'nothing: the link has ended';
  }
}

/**
 * Makes the link findable by its state, its error and its jobs. Each upsert is an event in the history and a write to the
 * index, so there is none while the index is up to date; the Item's id goes with the next one.
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
export function errorCodeOf(link: LinkFacts): FailureCode | undefined {
  return troubleOf(link)?.code ?? jobsOf(link).find(({ reason }) => reason !== undefined)?.reason?.code;
}
