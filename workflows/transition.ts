/** How each event changes what is known of a link: a pure function. */
import { isSettled } from '../src/contract/states';
import { attended, isSame, waiting, withoutWarning } from './attention-changes';
import { type EventOf, type JobFacts, type LinkEvent, type LinkFacts, without } from './facts';
import { anotherRun, isNewer, moveJob, settled, unregister, withJob } from './job-changes';
import { listedStateOf } from './link-view';
import { isQuiet } from './quiet-events';

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
    case 'wait_interrupted': {
      const job = link.jobs[event.job];
      return job ? withJob(link, event.job, { ...job, polledMs: event.polledMs }) : link;
    }
    case 'fetch_started': {
      const job = link.jobs[event.job];
      if (!job) return link;
      const looked = without(job, 'hint', 'polledMs');
      return moveJob(withJob(link, event.job, looked), event.job, 'registered', 'fetching');
    }
    case 'result_missing':
      return moveJob(link, event.job, 'fetching', 'registered');
    case 'job_completed': {
      const known: JobFacts = link.jobs[event.job] ?? { state: 'completed', run: 1 };
      const job = without(known, 'reason');
      const { via, sha256, eventTime } = event;
      // An old event that brings the same again changes nothing.
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
        ? without({ ...link, lookWanted: false }, 'repairClaimed', 'warningHeard', 'looksMs')
        : link;
    case 'looks_interrupted':
      return { ...link, looksMs: event.looksMs };
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
      const forgetful = without(link, 'sealedAccessToken', 'sealedProcessorToken');
      return { ...forgetful, stalls: {}, ending: link.failure ? 'failed' : 'unlinked' };
    }
    default:
      return link;
  }
}

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
