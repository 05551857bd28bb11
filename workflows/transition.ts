/** How each event changes what is known of a link: a pure function. */
import type { FailureCode } from '../src/contract/failures';
import { JOBS, type Job } from '../src/contract/jobs';
import { isSettled } from '../src/contract/states';
import type { EventOf, Hint, JobFacts, LinkEvent, LinkFacts } from './facts';
import { listedStateOf } from './link-view';
import type { Reason } from './step-failure';

const QUIET: readonly LinkEvent['type'][] = [
  'registration_begun',
  'registration_unheard',
  'tokens_resealed',
  'webhook_came',
  'look_wanted',
  'warning_heard',
  'looked',
  'history_ready',
  'item_lost',
  'account_revoked',
  'permission_revoked',
];

/** Whether an event changes nothing that is shown: `updatedAt` stays. */
export function isQuiet({ type }: LinkEvent): boolean {
  return QUIET.includes(type);
}

/** The link after an event at `at`, ISO 8601. An event that means nothing now returns the very same facts. */
export function transition(link: LinkFacts, event: LinkEvent, at: string): LinkFacts {
  const next = link.ending ? applyWhileEnding(link, event, at) : apply(link, event, at);
  if (next === link || isQuiet(event)) return next;
  const stateSince = listedStateOf(next) === listedStateOf(link) ? link.stateSince : at;
  const linkedAt = next.linkedAt ?? (listedStateOf(next) === 'linked' ? at : undefined);
  return { ...next, stateSince, ...(linkedAt !== undefined && { linkedAt }), updatedAt: at };
}

function apply(link: LinkFacts, event: LinkEvent, at: string): LinkFacts {
  switch (event.type) {
    case 'exchanged':
      return exchanged(link, event);
    case 'item_known':
      return link.itemId === event.itemId ? link : { ...link, itemId: event.itemId };
    case 'processor_token_created': {
      const { account, sealedProcessorToken, awaitHistory } = event;
      const historyReady = link.historyReady || !awaitHistory;
      const connected = { ...link, account, sealedProcessorToken, historyReady };
      return historyReady ? connected : { historyAwaitedSince: at, ...connected };
    }
    case 'history_ready':
      return link.historyReady ? link : { ...link, historyReady: true };
    case 'job_requested': {
      const job = link.jobs[event.job];
      if (job && !isSettled(job.state)) return link;
      return withJob(link, event.job, anotherRun(job));
    }
    case 'registration_begun':
      return link.mayBeRegistered ? link : { ...link, mayBeRegistered: true };
    case 'job_registered': {
      const job = link.jobs[event.job];
      if (job?.state !== 'pending') return link;
      return {
        ...withJob(link, event.job, { ...job, state: 'registered', registeredAt: at }),
        registered: true,
        accepted: true,
      };
    }
    case 'registration_unheard':
      return { ...link, unheardRegistrationAt: new Date(Date.parse(at) - event.sentMs).toISOString() };
    case 'webhook_came': {
      const job = link.jobs[event.job];
      return job && isNewer(event.hint, job.hint)
        ? withJob(link, event.job, { ...job, hint: event.hint })
        : link;
    }
    case 'fetch_started': {
      const job = link.jobs[event.job];
      if (!job) return link;
      const looked = without(job, 'hint');
      return moveJob(withJob(link, event.job, looked), event.job, 'registered', 'fetching');
    }
    case 'result_missing':
      return moveJob(link, event.job, 'fetching', 'registered');
    case 'job_completed': {
      const known: JobFacts = link.jobs[event.job] ?? { state: 'completed', run: 1 };
      const job = without(known, 'reason');
      const { via, sha256, eventTime } = event;
      // An old event that brings the same again is no news.
      const isOld = eventTime !== undefined && Date.parse(eventTime) <= Date.parse(job.completedAt ?? '');
      if (job.state === 'completed' && job.sha256 === sha256 && isOld) return link;
      return withJob(link, event.job, { ...job, state: 'completed', completedAt: at, via, sha256 });
    }
    case 'job_failed': {
      const job = link.jobs[event.job];
      // What is there stays: that it could not be read again takes nothing away.
      if (!job || job.state === 'completed') return link;
      return {
        ...withJob(link, event.job, { ...job, state: 'failed', reason: event.reason }),
        registered: true,
      };
    }
    case 'stalled':
      return stalled(link, event);
    case 'resumed':
      return resumed(link, event);
    case 'look_wanted':
      if (link.lookWanted && (link.repairClaimed || !event.repairClaimed)) return link;
      return { ...link, lookWanted: true, ...(event.repairClaimed && { repairClaimed: true }) };
    case 'looked':
      return link.lookWanted
        ? without(without({ ...link, lookWanted: false }, 'repairClaimed'), 'warningHeard')
        : link;
    case 'attention_needed': {
      const { code, lacksConsent } = event;
      if (link.attention === code && link.lacksConsent === lacksConsent) return link;
      return { ...waiting(link, code, at), ...(lacksConsent && { lacksConsent }) };
    }
    case 'account_unclear': {
      const { code, choices } = event;
      const isKnown = link.attention === code && JSON.stringify(link.choices) === JSON.stringify(choices);
      return isKnown ? link : { ...waiting(link, code, at), choices };
    }
    case 'account_chosen': {
      const chosen = { ...attended(link), chosenAccountId: event.accountId };
      return without(unregister(chosen), 'account');
    }
    case 'repaired': {
      const { account } = event;
      const moved = account !== undefined && account.accountId !== link.account?.accountId;
      if (!link.attention && !moved && !(link.warning && event.confirmed)) return link;
      const repaired = withoutWarning(attended(link));
      return moved ? unregister({ ...repaired, account }) : repaired;
    }
    case 'item_lost':
      return { ...link, lost: event.reason };
    case 'account_revoked':
      return link.accountRevoked ? link : { ...link, accountRevoked: true };
    case 'account_withdrawn': {
      const withdrawn = { ...link, accountRevoked: false, mayBeRegistered: false };
      return waiting(unregister(withdrawn), 'access_revoked', at);
    }
    case 'permission_revoked':
      return { ...link, permissionRevoked: true };
    case 'warning_heard':
      return isSame(event.warning, link.warning) || isSame(event.warning, link.settledWarning)
        ? link
        : { ...link, lookWanted: true, warningHeard: event.warning };
    case 'warned':
      return { ...link, warning: event.warning };
    case 'tokens_resealed':
      return resealed(link, event);
    case 'ending':
      return {
        ...attended(link),
        jobs: settled(link, event.failure ?? { code: 'unlinked' }),
        stalls: {},
        ending: 'unlinking',
        ...(event.failure && { failure: event.failure }),
      };
    case 'ended':
      return link;
  }
}

/** A link that ends leaves no job that anybody could wait for. */
function settled(link: LinkFacts, reason: Reason): LinkFacts['jobs'] {
  const jobs: LinkFacts['jobs'] = {};
  for (const job of JOBS) {
    const facts = link.jobs[job];
    if (facts) jobs[job] = isSettled(facts.state) ? facts : { ...facts, state: 'failed', reason };
  }
  return jobs;
}

/** What is under way settles, and decides what has to be undone; all else is past. */
function applyWhileEnding(link: LinkFacts, event: LinkEvent, at: string): LinkFacts {
  if (link.ending !== 'unlinking') return link;
  switch (event.type) {
    case 'exchanged':
      return exchanged(link, event);
    case 'registration_unheard':
      return apply(link, event, at);
    case 'stalled':
      return stalled(link, event);
    case 'resumed':
      return resumed(link, event);
    case 'ended': {
      const forgetful = without(without(link, 'sealedAccessToken'), 'sealedProcessorToken');
      return { ...forgetful, stalls: {}, ending: link.failure ? 'failed' : 'unlinked' };
    }
    default:
      return link;
  }
}

/** The link waits for its user, since now or since it began to. */
function waiting(link: LinkFacts, attention: FailureCode, at: string): LinkFacts {
  return { ...attended(link), attention, attentionSince: link.attentionSince ?? at };
}

/** The link waits for its user no longer. */
function attended(link: LinkFacts): LinkFacts {
  const { attention: _, attentionSince: _since, lacksConsent: _consent, choices: _choices, ...rest } = link;
  return rest;
}

function withoutWarning(link: LinkFacts): LinkFacts {
  const { warning, ...rest } = link;
  return warning ? { ...rest, settledWarning: warning } : link;
}

/** The same warning, sent again. */
export function isSame(one: Warning, other: Warning | undefined): boolean {
  return one.code === other?.code && one.until === other.until;
}
type Warning = NonNullable<LinkFacts['warning']>;

function exchanged(link: LinkFacts, { itemId, sealedAccessToken }: EventOf<'exchanged'>): LinkFacts {
  return { ...link, itemId, sealedAccessToken, madeItem: true };
}

function stalled(link: LinkFacts, { step, reason }: EventOf<'stalled'>): LinkFacts {
  return { ...link, stalls: { ...link.stalls, [step]: reason } };
}

function resumed(link: LinkFacts, { step }: EventOf<'resumed'>): LinkFacts {
  if (!link.stalls[step]) return link;
  const { [step]: _, ...stalls } = link.stalls;
  return { ...link, stalls };
}

function resealed(
  link: LinkFacts,
  { sealedAccessToken, sealedProcessorToken }: EventOf<'tokens_resealed'>,
): LinkFacts {
  return {
    ...link,
    ...(sealedAccessToken !== undefined && { sealedAccessToken }),
    // Of an account that moved meanwhile, the token is gone.
    ...(sealedProcessorToken !== undefined &&
      link.sealedProcessorToken !== undefined && { sealedProcessorToken }),
  };
}

/** Of two hints, the one that a result can be newer for; one without a time may be as new as it gets. */
function isNewer({ eventTime }: Hint, known: Hint | undefined): boolean {
  if (!known) return true;
  if (known.eventTime === undefined) return false;
  return eventTime === undefined || Date.parse(eventTime) > Date.parse(known.eventTime);
}

/** Atomic has to be told again: what it holds is for an account that is gone. A job that failed stays failed. */
function unregister(link: LinkFacts): LinkFacts {
  const jobs: LinkFacts['jobs'] = {};
  for (const job of JOBS) {
    const facts = link.jobs[job];
    if (!facts) continue;
    const isOver = facts.state === 'failed' || facts.state === 'pending';
    jobs[job] = isOver ? without(without(facts, 'registeredAt'), 'hint') : anotherRun(facts);
  }
  return { ...without(link, 'sealedProcessorToken'), jobs, registered: false };
}

/** The earlier result is remembered for the polls. */
function anotherRun(job: JobFacts | undefined): JobFacts {
  return {
    state: 'pending',
    run: (job?.run ?? 0) + 1,
    ...(job?.sha256 !== undefined && { sha256: job.sha256 }),
  };
}

function withJob(link: LinkFacts, job: Job, facts: JobFacts): LinkFacts {
  return { ...link, jobs: { ...link.jobs, [job]: facts } };
}

function moveJob(link: LinkFacts, job: Job, from: JobFacts['state'], to: JobFacts['state']): LinkFacts {
  const facts = link.jobs[job];
  return facts?.state === from ? withJob(link, job, { ...facts, state: to }) : link;
}

type OptionalKey<T> = {
  [K in keyof T]-?: undefined extends T[K] ? K : Record<never, never> extends Pick<T, K> ? K : never;
}[keyof T];

/** The facts without one that they may lack. */
function without<T extends object>(facts: T, key: OptionalKey<T>): T {
  const { [key]: _, ...rest } = facts;
  return rest as T;
}
