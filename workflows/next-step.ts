/** What comes next, by what is known: pure functions. The workflow only carries it out. */
import type { Job } from '../src/contract/jobs';
import { isSettled } from '../src/contract/states';
import { jobsOf, type LinkFacts } from './facts';
import type { Reason } from './step-failure';

export type LinkStep =
  | 'exchange_public_token'
  | 'fail'
  | 'withdraw_account'
  | 'look_at_item'
  | 'wait_for_user'
  | 'create_processor_token'
  | 'wait_for_history'
  /** Connected: there is nothing to do but what the jobs do. */
  | 'stay_linked';

/** What the link itself has to do or to wait for. */
export function nextStep(link: LinkFacts): LinkStep {
  if (link.sealedAccessToken === undefined) return 'exchange_public_token';
  if (lossOf(link)) return 'fail';
  if (link.accountRevoked) return 'withdraw_account';
  if (link.lookWanted) return 'look_at_item';
  if (link.attention) return 'wait_for_user';
  if (link.sealedProcessorToken === undefined) return 'create_processor_token';
  if (!link.historyReady) return 'wait_for_history';
  return 'stay_linked';
}

export type JobStep = 'register' | 'wait_for_webhook' | 'fetch_result' | 'rest';

/** What one of its jobs has to do or to wait for meanwhile. */
export function nextJobStep(link: LinkFacts, job: Job): JobStep {
  const facts = link.jobs[job];
  if (!facts) return 'rest';
  if (facts.state === 'pending') return nextStep(link) === 'stay_linked' ? 'register' : 'rest';
  // Of a job that Atomic was never asked for there is nothing to fetch, whatever a webhook says.
  const hasRun = facts.state === 'registered' || (isSettled(facts.state) && facts.registeredAt !== undefined);
  if (facts.hint && hasRun) return 'fetch_result';
  return facts.state === 'registered' ? 'wait_for_webhook' : 'rest';
}

/** An event so much older than the registration is of an earlier run, or of an earlier link. */
const STALE_AFTER_MS = 5 * 60_000;

/** What the job's webhook counts as: one about an earlier run says no more than a poll would. */
export function viaOf(link: LinkFacts, job: Job): 'webhook' | 'poll' {
  const { hint, registeredAt } = link.jobs[job] ?? {};
  if (hint?.eventTime === undefined || registeredAt === undefined) return 'webhook';
  return Date.parse(registeredAt) - Date.parse(hint.eventTime) > STALE_AFTER_MS ? 'poll' : 'webhook';
}

/** Why nothing is left that the link could do; undefined while there is. */
export function lossOf(link: LinkFacts): Reason | undefined {
  if (link.lost) return link.lost;
  const jobs = jobsOf(link);
  // Atomic has refused every job and never taken one.
  if (link.accepted || jobs.some(({ state }) => state !== 'failed')) return undefined;
  return jobs[0]?.reason ?? { code: 'provider_rejected' };
}
