import { HttpProblem } from './problems';

/** Every route that needs Temporal answers within 5 s; this leaves some of it for the answer itself. */
export const TEMPORAL_DEADLINE_MS = 4500;

/** The work's outcome, or the problem `temporal_unavailable` once the time has passed. */
export async function withinTemporalDeadline<T>(
  work: Promise<T>,
  deadlineMs: number = TEMPORAL_DEADLINE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new HttpProblem('temporal_unavailable')), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
