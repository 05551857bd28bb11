/** Outcome of a check. `reason` is a constant word, safe as a metric's label and in a log. */
export type Verdict<Reason extends string = string> = { ok: true } | { ok: false; reason: Reason };
