import { setTimeout as delay } from 'node:timers/promises';

/** Looks, with a pause between two looks, until what is seen is as wanted, and answers it. */
export async function until<T>(
  look: () => T | Promise<T>,
  isWanted: (seen: T) => boolean = Boolean,
  { withinMs = 60_000, everyMs = 50 } = {},
): Promise<T> {
  for (const endMs = Date.now() + withinMs; ; await delay(everyMs)) {
    const seen = await look();
    if (isWanted(seen)) return seen;
    if (Date.now() > endMs)
      throw new Error(`It did not come about within ${withinMs} ms: ${JSON.stringify(seen)}`);
  }
}
