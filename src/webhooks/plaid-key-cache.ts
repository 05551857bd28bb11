import type { CryptoKey } from 'jose';
import type { PlaidVerificationKey } from '../contract/plaid';
import { setNewest } from '../system/set-newest';
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

/** Keys that were looked up, where they outlive this process. */
export interface PlaidKeyStore {
  /** Those kept; never rejects. */
  read(): Promise<readonly StoredPlaidKey[]>;
  /** Replaces them; never rejects. */
  write(keys: readonly StoredPlaidKey[]): Promise<void>;
}

export interface StoredPlaidKey {
  key: PlaidVerificationKey;
  /** Until when it is trusted without being looked up again, Unix milliseconds. */
  untilMs: number;
}

export interface PlaidKeyCacheOptions {
  /** One call to Plaid. A rejection counts as `unavailable`. It has to settle, by a deadline of its own. */
  fetchKey: (keyId: string) => Promise<PlaidKeyLookup>;
  store?: PlaidKeyStore;
  /** The clock, in Unix milliseconds. */
  nowMs?: () => number;
  /** How long a caller waits for a look-up; the look-up itself goes on, for the next caller. */
  lookupTimeoutMs?: number;
  /** Look-ups of key ids not seen before, at most, in a minute: for one sender, and in all. */
  newKeyLookupsPerMinute?: { perSender: number; inAll: number };
  /** Key ids remembered as not usable, at most. */
  maxMisses?: number;
}

/** Who names a key id. */
export interface PlaidWebhookSender {
  /** Whose look-ups are counted together: an address and the user that it writes of. */
  budget: string;
  /** Whether a key may be looked up for it at all. A rejection counts as no. */
  mayLookUp(): Promise<boolean>;
}

export type PlaidKeyMiss = 'unknown_key' | 'unusable_key' | 'expired_key' | PlaidKeyUnavailable;
/** No judgement on the key: it was not, or could not be, looked up now. */
export type PlaidKeyUnavailable = 'key_unavailable' | 'too_many_lookups' | 'no_open_link';

export type PlaidKeyAnswer = { ok: true; key: CryptoKey } | { ok: false; reason: PlaidKeyMiss };

export type PlaidKeyCache = (keyId: string, sender: PlaidWebhookSender) => Promise<PlaidKeyAnswer>;

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
const LOOKUPS_PER_MINUTE = { perSender: 5, inAll: 300 };

/**
 * Plaid's verification keys by id, for a day each. Anybody can name a key id, so what forged webhooks can cost is
 * bounded: one look-up in flight for an id, ids that Plaid does not know remembered for minutes in a map of limited
 * size, and look-ups of new ids only for a sender that may have one, within its own budget. So a flood from one address,
 * or about one user, leaves the look-ups of all others alone; beyond the budget nothing is said of the key, and Plaid
 * sends the webhook again. Known keys are outside the budgets and apart from that map, and with a store they outlive
 * the process: a flood can neither drop nor delay them. Never rejects.
 */
export function createPlaidKeyCache(options: PlaidKeyCacheOptions): PlaidKeyCache {
  const { fetchKey, store, nowMs = Date.now, lookupTimeoutMs = 4000 } = options;
  const { newKeyLookupsPerMinute = LOOKUPS_PER_MINUTE, maxMisses = 1000 } = options;
  const known = new Map<string, Entry>();
  const stored = new Map<string, StoredPlaidKey>();
  const misses = new Map<string, Entry>();
  const inFlight = new Map<string, Promise<PlaidKeyAnswer>>();
  const refusals = new Map<string, Promise<PlaidKeyUnavailable | undefined>>();
  let minuteStartMs = 0;
  let lookups = 0;
  const lookupsBy = new Map<string, number>();
  const restored = restore();

  async function restore(): Promise<void> {
    for (const { key, untilMs } of (await store?.read()) ?? []) {
      const answer = await importKey(key.kid, key);
      if (!answer.ok || untilMs > nowMs() + KNOWN_FOR_MS) continue;
      known.set(key.kid, { answer, untilMs });
      stored.set(key.kid, { key, untilMs });
    }
  }

  function remembered(keyId: string): PlaidKeyAnswer | undefined {
    const now = nowMs();
    return [known.get(keyId), misses.get(keyId)].find((entry) => entry && now < entry.untilMs)?.answer;
  }

  function isWithinBudget(sender: string): boolean {
    const now = nowMs();
    if (now - minuteStartMs >= MINUTE_MS || now < minuteStartMs) {
      minuteStartMs = now;
      lookups = 0;
      lookupsBy.clear();
    }
    const { perSender, inAll } = newKeyLookupsPerMinute;
    const own = lookupsBy.get(sender) ?? 0;
    if (own >= perSender || lookups >= inAll) return false;
    lookupsBy.set(sender, own + 1);
    lookups += 1;
    return true;
  }

  /** Why no key is looked up for the sender, if so. Webhooks that come together for one key are asked about once. */
  function refusalOf(
    keyId: string,
    { budget, mayLookUp }: PlaidWebhookSender,
  ): Promise<PlaidKeyUnavailable | undefined> {
    const asked = `${keyId} ${budget}`;
    const before = refusals.get(asked);
    if (before) return before;
    const ask = async () => {
      if (!isWithinBudget(budget)) return 'too_many_lookups';
      return (await mayLookUp().catch(() => false)) ? undefined : 'no_open_link';
    };
    const refusal = ask().finally(() => refusals.delete(asked));
    refusals.set(asked, refusal);
    return refusal;
  }

  async function lookUp(keyId: string): Promise<PlaidKeyAnswer> {
    const { answer, key } = await fetchAnswer(fetchKey, keyId);
    if (answer.ok || answer.reason === 'expired_key') {
      const untilMs = nowMs() + KNOWN_FOR_MS;
      setNewest(known, MAX_KNOWN, keyId, { answer, untilMs });
      if (answer.ok && key) setNewest(stored, MAX_KNOWN, keyId, { key, untilMs });
      else stored.delete(keyId);
      // Not waited for: a slow disk is no reason to have the webhook sent again.
      void store?.write([...stored.values()]);
      return answer;
    }
    const unavailable = answer.reason === 'key_unavailable';
    // While Plaid is away a key stays one of the known, or its return would have to pass the limit for new ones.
    if (!unavailable) known.delete(keyId);
    const untilMs = nowMs() + (unavailable ? UNAVAILABLE_FOR_MS : UNKNOWN_FOR_MS);
    setNewest(misses, maxMisses, keyId, { answer, untilMs });
    return answer;
  }

  return async (keyId, sender) => {
    await restored;
    const answer = remembered(keyId);
    if (answer) return answer;
    if (!known.has(keyId) && !inFlight.has(keyId)) {
      const reason = await refusalOf(keyId, sender);
      if (reason) return { ok: false, reason };
    }
    let lookup = inFlight.get(keyId);
    if (!lookup) {
      lookup = lookUp(keyId).finally(() => inFlight.delete(keyId));
      inFlight.set(keyId, lookup);
    }
    return settleWithin(lookup, lookupTimeoutMs, { ok: false, reason: 'key_unavailable' });
  };
}

async function fetchAnswer(
  fetchKey: PlaidKeyCacheOptions['fetchKey'],
  keyId: string,
): Promise<{ answer: PlaidKeyAnswer; key?: PlaidVerificationKey }> {
  const lookup = await fetchKey(keyId).catch((): PlaidKeyLookup => ({ kind: 'unavailable' }));
  switch (lookup.kind) {
    case 'unknown':
      return { answer: { ok: false, reason: 'unknown_key' } };
    case 'unavailable':
      return { answer: { ok: false, reason: 'key_unavailable' } };
    case 'found':
      return { answer: await importKey(keyId, lookup.key), key: lookup.key };
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
