import type { CryptoKey } from 'jose';
import type { PlaidVerificationKey } from '../contract/plaid';
import { settleWithin } from '../system/settle-within';
import { loadJose } from './load-jose';

/**
 * Answer of a key look-up. `unknown`: Plaid says that there is no such key (INVALID_WEBHOOK_VERIFICATION_KEY_ID).
 * `unavailable`: Plaid did not say, so nothing is known about the key.
 */
export type PlaidKeyLookup =
  | { kind: 'found'; key: PlaidVerificationKey }
  | { kind: 'unknown' }
  | { kind: 'unavailable' };

export interface PlaidKeyCacheOptions {
  /** One call to Plaid. A rejection counts as `unavailable`. It has to settle, by a deadline of its own. */
  fetchKey: (keyId: string) => Promise<PlaidKeyLookup>;
  /** The clock, in Unix milliseconds. */
  nowMs?: () => number;
  /** How long a caller waits for a look-up; the look-up itself goes on, for the next caller. */
  lookupTimeoutMs?: number;
  /** Look-ups of key ids not seen before, at most, in a minute. */
  newKeyLookupsPerMinute?: number;
  /** Key ids remembered as not usable, at most. */
  maxMisses?: number;
}

export type PlaidKeyMiss =
  | 'unknown_key'
  | 'unusable_key'
  | 'expired_key'
  | 'too_many_unknown_keys'
  | 'key_unavailable';

export type PlaidKeyAnswer = { ok: true; key: CryptoKey } | { ok: false; reason: PlaidKeyMiss };

export type PlaidKeyCache = (keyId: string) => Promise<PlaidKeyAnswer>;

interface Entry {
  answer: PlaidKeyAnswer;
  untilMs: number;
}

const MINUTE_MS = 60_000;
// Plaid names no life for a key. A day bounds how long a key that Plaid withdraws is still trusted.
const KNOWN_FOR_MS = 24 * 60 * MINUTE_MS;
const UNKNOWN_FOR_MS = 5 * MINUTE_MS;
// Long enough not to hammer a Plaid that is down, shorter than Plaid's first repetition of a webhook (30 s).
const UNAVAILABLE_FOR_MS = 5000;
// Plaid rotates one key at a time, so this is never reached by Plaid's own keys.
const MAX_KNOWN = 100;

/**
 * Plaid's verification keys by id, for a day each. Anybody can name a key id, so what forged webhooks can cost is
 * bounded: one look-up in flight for an id, ids that Plaid does not know remembered for minutes in a map of limited
 * size, and a limit on look-ups of new ids in a minute. Beyond it an id is refused unseen (`too_many_unknown_keys`),
 * which costs a real new key no more than one of Plaid's repetitions. Known keys are outside that limit and apart
 * from that map, so a flood can neither drop nor delay them. Never rejects.
 */
export function createPlaidKeyCache(options: PlaidKeyCacheOptions): PlaidKeyCache {
  const { fetchKey, nowMs = Date.now, lookupTimeoutMs = 4000 } = options;
  const { newKeyLookupsPerMinute = 30, maxMisses = 1000 } = options;
  const known = new Map<string, Entry>();
  const misses = new Map<string, Entry>();
  const inFlight = new Map<string, Promise<PlaidKeyAnswer>>();
  let minuteStartMs = 0;
  let lookupsThisMinute = 0;

  function remembered(keyId: string): PlaidKeyAnswer | undefined {
    const now = nowMs();
    return [known.get(keyId), misses.get(keyId)].find((entry) => entry && now < entry.untilMs)?.answer;
  }

  function mayLookUpNewKey(): boolean {
    const now = nowMs();
    if (now - minuteStartMs >= MINUTE_MS || now < minuteStartMs) {
      minuteStartMs = now;
      lookupsThisMinute = 0;
    }
    lookupsThisMinute += 1;
    return lookupsThisMinute <= newKeyLookupsPerMinute;
  }

  async function lookUp(keyId: string): Promise<PlaidKeyAnswer> {
    const answer = await fetchAnswer(fetchKey, keyId);
    if (answer.ok || answer.reason === 'expired_key') {
      remember(known, MAX_KNOWN, keyId, { answer, untilMs: nowMs() + KNOWN_FOR_MS });
      return answer;
    }
    const unavailable = answer.reason === 'key_unavailable';
    // While Plaid is away a key stays one of the known, or its return would have to pass the limit for new ones.
    if (!unavailable) known.delete(keyId);
    const untilMs = nowMs() + (unavailable ? UNAVAILABLE_FOR_MS : UNKNOWN_FOR_MS);
    remember(misses, maxMisses, keyId, { answer, untilMs });
    return answer;
  }

  return async (keyId) => {
    const answer = remembered(keyId);
    if (answer) return answer;
    let lookup = inFlight.get(keyId);
    if (!lookup) {
      if (!known.has(keyId) && !mayLookUpNewKey()) return { ok: false, reason: 'too_many_unknown_keys' };
      lookup = lookUp(keyId).finally(() => inFlight.delete(keyId));
      inFlight.set(keyId, lookup);
    }
    return settleWithin(lookup, lookupTimeoutMs, { ok: false, reason: 'key_unavailable' });
  };
}

async function fetchAnswer(
  fetchKey: PlaidKeyCacheOptions['fetchKey'],
  keyId: string,
): Promise<PlaidKeyAnswer> {
  let lookup: PlaidKeyLookup;
  try {
    lookup = await fetchKey(keyId);
  } catch {
    return { ok: false, reason: 'key_unavailable' };
  }
  switch (lookup.kind) {
    case 'unknown':
      return { ok: false, reason: 'unknown_key' };
    case 'unavailable':
      return { ok: false, reason: 'key_unavailable' };
    case 'found':
      return importKey(keyId, lookup.key);
  }
}

async function importKey(keyId: string, jwk: PlaidVerificationKey): Promise<PlaidKeyAnswer> {
  if (jwk.expired_at !== null && jwk.expired_at !== undefined) return { ok: false, reason: 'expired_key' };
  const { alg, crv, kid, kty, x, y } = jwk;
  if (kid !== keyId || alg !== 'ES256' || kty !== 'EC' || crv !== 'P-256') {
    return { ok: false, reason: 'unusable_key' };
  }
  try {
    const { importJWK } = await loadJose();
    return { ok: true, key: await importJWK({ kty, crv, x, y }, 'ES256') };
  } catch {
    return { ok: false, reason: 'unusable_key' };
  }
}

/** Sets an entry as the newest of the map and drops the oldest beyond the limit. */
function remember(entries: Map<string, Entry>, limit: number, keyId: string, entry: Entry): void {
  entries.delete(keyId);
  entries.set(keyId, entry);
  for (const oldest of entries.keys()) {
    if (entries.size <= limit) break;
    entries.delete(oldest);
  }
}
