/** What others see of a link, read off its facts: pure functions. */
import { type LinkError, linkError } from '../src/contract/failures';
import { JOBS } from '../src/contract/jobs';
import type { JobView, LinkView } from '../src/contract/schemas';
import { type IndexedLinkState, isSettled, type LinkState } from '../src/contract/states';
import { type JobFacts, jobsOf, type LinkFacts } from './facts';
import type { Reason } from './step-failure';

export function stateOf(link: LinkFacts): LinkState {
  if (link.ending) return link.ending;
  if (link.attention) return 'needs_attention';
  if (link.sealedAccessToken === undefined) return 'exchanging';
  if (link.sealedProcessorToken === undefined) return 'creating_processor_token';
  const unsettled = jobsOf(link).filter((job) => !isSettled(job.state));
  if (unsettled.length === 0) return 'linked';
  return link.registered ? 'waiting' : 'registering';
}

/** The state that a link is listed under: those that pass in a moment are not worth an event in the history. */
export function listedStateOf(link: LinkFacts): IndexedLinkState {
  const state = stateOf(link);
  switch (state) {
    case 'exchanging':
    case 'creating_processor_token':
    case 'registering':
      return 'waiting';
    default:
      return state;
  }
}

/** The moves that {@link stateOf} can make, by any event; a link never leaves `unlinked` and `failed`. */
export const LINK_EDGES: Readonly<Record<LinkState, readonly LinkState[]>> = {
  exchanging: ['creating_processor_token', 'needs_attention', 'unlinking'],
  creating_processor_token: ['registering', 'linked', 'needs_attention', 'unlinking'],
  registering: ['creating_processor_token', 'waiting', 'linked', 'needs_attention', 'unlinking'],
  waiting: ['creating_processor_token', 'linked', 'needs_attention', 'unlinking'],
  linked: ['creating_processor_token', 'registering', 'waiting', 'needs_attention', 'unlinking'],
  needs_attention: [
    'exchanging',
    'creating_processor_token',
    'registering',
    'waiting',
    'linked',
    'unlinking',
  ],
  unlinking: ['unlinked', 'failed'],
  unlinked: [],
  failed: [],
};

/** Why the link does not go on, or did not: the newest trouble while it is removed, else what the user or the caller can mend. */
export function troubleOf(link: LinkFacts): Reason | undefined {
  const [stall] = Object.values(link.stalls);
  const standing = link.failure ?? (link.attention && { code: link.attention });
  return link.ending === 'unlinking' ? (stall ?? standing) : (standing ?? stall);
}

/** The LinkView: allow-listed fields, in the contract's order. */
export function viewOf(link: LinkFacts, run: { workflowId: string; runId: string }): LinkView {
  const error = errorOf(link);
  const jobs: LinkView['jobs'] = {};
  for (const job of JOBS) {
    const facts = link.jobs[job];
    if (facts) jobs[job] = jobViewOf(facts);
  }
  return {
    userId: link.userId,
    state: stateOf(link),
    ...(link.itemId !== undefined && { itemId: link.itemId }),
    ...(link.account && { accountId: link.account.accountId }),
    jobs,
    ...(error && { error }),
    ...(link.choices && { choices: link.choices }),
    ...(link.warning && { warning: link.warning }),
    workflowId: run.workflowId,
    runId: run.runId,
    createdAt: link.createdAt,
    updatedAt: link.updatedAt,
  };
}

function jobViewOf({ state, registeredAt, completedAt, via, reason }: JobFacts): JobView {
  return {
    state,
    ...(registeredAt !== undefined && { registeredAt }),
    ...(completedAt !== undefined && { completedAt }),
    ...(via !== undefined && { via }),
    ...(reason && { error: linkError(reason.code) }),
  };
}

function errorOf(link: LinkFacts): LinkError | undefined {
  const trouble = troubleOf(link);
  if (!trouble) return undefined;
  const error = linkError(trouble.code);
  // Whatever the reason, update mode on the same Item is what helps while the link waits for the user to sign in.
  const isForUser = link.attention !== undefined && link.choices === undefined && !link.ending;
  return isForUser ? { ...error, action: 'repair' } : error;
}
