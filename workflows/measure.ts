import { metricMeter } from '@temporalio/workflow';
import { JOBS } from '../src/contract/jobs';
import { isFinal } from '../src/contract/states';
import type { LinkFacts } from './facts';
import { stateOf } from './link-view';
import { errorCodeOf } from './operator-view';

/** For those who watch the service: what a change of the link comes to. The SDK's meter counts nothing during a replay. */
export function measure(before: LinkFacts, after: LinkFacts): void {
  const { linkedAt, createdAt } = after;
  if (linkedAt !== undefined && before.linkedAt === undefined) {
    countOutcome('linked', after);
    metricMeter
      .createHistogram(
        'processor_link_time_to_linked_seconds',
        'float',
        '',
        'Time from the request for a link to the moment when all its jobs were settled for the first time.',
      )
      .record(Math.max(0, Date.parse(linkedAt) - Date.parse(createdAt)) / 1000);
  }
  const state = stateOf(after);
  if (isFinal(state) && state !== stateOf(before)) countOutcome(state, after);
  for (const job of JOBS) {
    const { completedAt, via } = after.jobs[job] ?? {};
    if (completedAt === undefined || via === undefined) continue;
    if (completedAt === before.jobs[job]?.completedAt) continue;
    metricMeter
      .createCounter('processor_link_results', '', 'Results fetched, by what made the link ask for them.')
      .add(1, { job, via });
  }
}

/** A link is counted as `linked` once, and once as what it ended as. `code` is that of its error, or a job's. */
function countOutcome(outcome: string, link: LinkFacts): void {
  metricMeter
    .createCounter(
      'processor_link_link_outcomes',
      '',
      'Links that became linked, ended unlinked or failed, with the code of their error.',
    )
    .add(1, { outcome, code: errorCodeOf(link) ?? 'none' });
}
