/** A check that is still under way then is not waited for by others. */
const GIVEN_UP_AFTER_MS = 5_000;

/** The check, made once an interval at most: whoever asks meanwhile shares its outcome, and one that is under way. */
export function atMostEvery<T>(intervalMs: number, check: () => Promise<T>): () => Promise<T> {
  let last: { outcome: Promise<T>; underWay: boolean; atMs: number } | undefined;
  return () => {
    const sharedForMs = last?.underWay ? GIVEN_UP_AFTER_MS : intervalMs;
    if (last && performance.now() - last.atMs < sharedForMs) return last.outcome;
    const made = { outcome: check(), underWay: true, atMs: performance.now() };
    const settled = () => {
      made.underWay = false;
    };
    made.outcome.then(settled, settled);
    last = made;
    return made.outcome;
  };
}
