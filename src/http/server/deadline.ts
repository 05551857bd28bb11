import { settleWithin } from '../../system/settle-within';
import { HttpProblem } from './problems';

/** Every route that needs Temporal answers within 5 s; this leaves some of it for the answer itself. */
const TEMPORAL_DEADLINE_MS = 4500;

const LATE = Symbol('late');

/** The work's outcome, or the problem `temporal_unavailable` once the time has passed. */
export async function withinTemporalDeadline<T>(
  work: Promise<T>,
  deadlineMs: number = TEMPORAL_DEADLINE_MS,
): Promise<T> {
  const outcome = await settleWithin<T | typeof LATE>(work, deadlineMs, LATE);
  if (outcome === LATE) throw new HttpProblem('temporal_unavailable');
  return outcome;
}
