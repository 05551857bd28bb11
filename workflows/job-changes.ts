/** Changes of a link's jobs, from which `transition.ts` puts an event's together. */
import { JOBS, type Job } from '../src/contract/jobs';
import { isSettled } from '../src/contract/states';
import { type Hint, type JobFacts, type LinkFacts, without } from './facts';
import type { Reason } from './step-failure';

/** A link that ends leaves no job that anybody could wait for. */
export function settled(link: LinkFacts, reason: Reason): LinkFacts['jobs'] {
  const jobs: LinkFacts['jobs'] = {};
  for (const job of JOBS) {
    const facts = link.jobs[job];
    if (facts) jobs[job] = isSettled(facts.state) ? facts : { ...facts, state: 'failed', reason };
  }
  return jobs;
}

/** Of two hints, the one that a result can be newer for; one without a time may be as new as it gets. */
export function isNewer({ eventTime }: Hint, known: Hint | undefined): boolean {
  if (!known) return true;
  if (known.eventTime === undefined) return false;
  return eventTime === undefined || Date.parse(eventTime) > Date.parse(known.eventTime);
}

/** Atomic has to be told again: what it holds is for an account that is gone. A job that failed stays failed. */
export function unregister(link: LinkFacts): LinkFacts {
  const jobs: LinkFacts['jobs'] = {};
  for (const job of JOBS) {
    const facts = link.jobs[job];
    if (!facts) continue;
    const isOver = facts.state === 'failed' || facts.state === 'pending';
    jobs[job] = isOver ? without(facts, 'registeredAt', 'hint') : anotherRun(facts);
  }
  return { ...without(link, 'sealedProcessorToken'), jobs, registered: false };
}

/** The earlier result is remembered for the polls. */
export function anotherRun(job: JobFacts | undefined): JobFacts {
  return {
    state: 'pending',
    run: (job?.run ?? 0) + 1,
    ...(job?.sha256 !== undefined && { sha256: job.sha256 }),
  };
}

export function withJob(link: LinkFacts, job: Job, facts: JobFacts): LinkFacts {
  return { ...link, jobs: { ...link.jobs, [job]: facts } };
}

export function moveJob(
  link: LinkFacts,
  job: Job,
  from: JobFacts['state'],
  to: JobFacts['state'],
): LinkFacts {
  const facts = link.jobs[job];
  return facts?.state === from ? withJob(link, job, { ...facts, state: to }) : link;
}
