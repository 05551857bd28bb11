import { JOBS, type Job } from '../contract/jobs';
import type { JobView, LinkSummary, LinkView, StartLink } from '../contract/schemas';
import { isSettled } from '../contract/states';
import { LinkClientError } from './link-client-error';
import { inOrder } from './link-fingerprint';

/** A link in memory, of a FakeLinkClient. */
export interface FakeLink {
  request: StartLink;
  view: LinkView;
  /** As JSON text. */
  results: Map<Job, string>;
  /** The bank asks for a sign-in, and the user has not been there yet. */
  signInMissing: boolean;
}

/** The state of a link that is open, by what its user and its jobs still need. */
export function stateByJobs({ view }: FakeLink): LinkView['state'] {
  if (view.error?.action === 'repair' || view.choices) return 'needs_attention';
  return JOBS.every((job) => isSettled(view.jobs[job]?.state ?? 'completed')) ? 'linked' : 'waiting';
}

export function summaryOf({ view }: FakeLink): LinkSummary {
  const { userId, state, updatedAt: stateSince, itemId, workflowId, runId, createdAt } = view;
  const jobs = JOBS.filter((job) => view.jobs[job]);
  const errorCode = view.error?.code ?? jobs.map((job) => view.jobs[job]?.error?.code).find(Boolean);
  return {
    userId,
    state,
    stateSince,
    ...(errorCode && { errorCode }),
    jobs,
    ...(itemId !== undefined && { itemId }),
    workflowId,
    runId,
    createdAt,
  };
}

export function registered(): JobView {
  return { state: 'registered', registeredAt: new Date().toISOString() };
}

export function jobOf({ view }: FakeLink, job: Job): JobView {
  const known = view.jobs[job];
  if (!known) throw new LinkClientError('job_not_found', 'The link has no such job.');
  return known;
}

export function sameRequest({ publicToken, accessToken, accountId, jobs }: StartLink): string {
  return JSON.stringify([publicToken ?? null, accessToken ?? null, accountId ?? null, inOrder(jobs)]);
}
