/** Exit codes of `npm run links`; docs/operations.md explains them. */
export const EXIT = {
  done: 0,
  /** Wrong arguments or settings, or a failure. */
  failed: 1,
  /** Nothing was done: `--yes` was not given. */
  notConfirmed: 2,
  /** Temporal did not answer. */
  temporalAway: 3,
  /** Done for some of the links, and not for others. */
  inPart: 4,
} as const;
