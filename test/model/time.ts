import { setTimeout as delay } from 'node:timers/promises';

const FIRST_PAUSE_MS = 20;
/** A look costs a query, which is dear where many links are looked at. */
const LONGEST_PAUSE_MS = 250;

/** Lets time pass. The real server cannot skip it, so that a link of the model lives fast. */
export async function pass(milliseconds: number): Promise<void> {
  await delay(milliseconds);
}

/** Looks until it has seen what it wants, or time is up; answers what it saw last. */
export async function lookUntil<T>(
  look: () => Promise<T>,
  isWanted: (seen: T) => boolean,
  timeoutMs: number,
): Promise<T> {
  const endMs = Date.now() + timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const seen = await look();
    if (isWanted(seen) || Date.now() > endMs) return seen;
    await pass(pauseMs);
  }
}
