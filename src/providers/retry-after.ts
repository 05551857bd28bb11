const CAP_MS = 24 * 60 * 60 * 1000;

/** The three date forms of RFC 9110, 5.6.7: IMF-fixdate, RFC 850, and asctime, which names no zone and means UTC. */
const DATE_WITH_ZONE =
  /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4}|[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2}) \d{2}:\d{2}:\d{2} GMT$/;
const ASCTIME_DATE = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * How long `Retry-After` asks to wait, in milliseconds from `nowMs`: whole seconds or an HTTP date (RFC 9110,
 * 10.2.3), at most 24 hours. Undefined for anything else and for a date that has passed, so that the caller's
 * own backoff holds.
 */
export function parseRetryAfterMs(value: string | null | undefined, nowMs: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, CAP_MS);
  const dateMs = httpDateMs(text);
  // NaN, of a date such as 32 January, fails this comparison too.
  return dateMs >= nowMs ? Math.min(dateMs - nowMs, CAP_MS) : undefined;
}

/** `Date.parse` takes much that is no date (`-5` is a month of 2001), so the form is checked first. */
function httpDateMs(text: string): number {
  if (DATE_WITH_ZONE.test(text)) return Date.parse(text);
  if (ASCTIME_DATE.test(text)) return Date.parse(`${text} GMT`);
  return Number.NaN;
}
