const LONGEST_INTERVAL_MS = 24 * 3_600_000;

/**
 * When Atomic is asked for a result whose webhook has not come, in milliseconds since the registration: first at
 * `overdueAfterMs`, then at intervals that double up to a day, and last at `giveUpAfterMs`. Returns the first such
 * time later than `afterMs`; undefined once there is none.
 */
export function nextPollMs(
  afterMs: number,
  overdueAfterMs: number,
  giveUpAfterMs: number,
): number | undefined {
  let pollMs = Math.min(overdueAfterMs, giveUpAfterMs);
  let intervalMs = Math.max(overdueAfterMs, 1_000);
  while (pollMs <= afterMs) {
    if (pollMs >= giveUpAfterMs) return undefined;
    intervalMs = Math.min(intervalMs * 2, LONGEST_INTERVAL_MS);
    pollMs = Math.min(pollMs + intervalMs, giveUpAfterMs);
  }
  return pollMs;
}
