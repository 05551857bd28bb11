/** How settings become the parts that more than one process is made of. */
import { developmentKeyRing } from '../encryption/development-key';
import type { KeyRing } from '../encryption/key-ring';
import { SealingKeys } from '../encryption/sealing-keys';
import type { Logger } from '../logging/logger';
import { createAtomic } from '../providers/atomic/client';
import { createPlaid } from '../providers/plaid/client';
import { ProviderError } from '../providers/provider-error';
import type { Atomic, Plaid } from '../providers/types';
import { unwatched } from '../providers/watch-requests';
import type { AtomicSettings, PlaidSettings, TemporalSettings, WorkSettings } from '../settings/schemas';
import type { PlaidKeyStore } from '../webhooks/plaid-key-cache';
import { createPlaidVerifier, type PlaidVerifier } from '../webhooks/plaid-signature';

/** The keys of the settings, or this machine's own. */
export async function keyRingOf(settings: TemporalSettings, logger: Logger): Promise<KeyRing> {
  if (settings.keyRing) return settings.keyRing;
  const keyRing = await developmentKeyRing();
  logger.warn(
    { keyIds: keyRing.ids },
    'ENCRYPTION_KEYS is not set: using the key of this machine in .processor-link, for development alone',
  );
  return keyRing;
}

/** The workers' keys for bank tokens. Those derived from the key ring open what was sealed before there were others. */
export function sealingKeysOf(
  { sealingKeys }: Pick<WorkSettings, 'sealingKeys'>,
  keyRing: KeyRing,
): SealingKeys {
  const derived = SealingKeys.derivedFrom(keyRing);
  return sealingKeys ? sealingKeys.with(derived) : derived;
}

/** `watch` stands around each request. */
export function plaidOf({ clientId, secret, ...use }: PlaidSettings, watch = unwatched): Plaid {
  return createPlaid({ clientId: clientId.reveal(), secret: secret.reveal(), ...use, watch });
}

/** `watch` stands around each request. */
export function atomicOf({ apiKey, apiSecret, ...use }: AtomicSettings, watch = unwatched): Atomic {
  return createAtomic({ apiKey: apiKey.reveal(), apiSecret: apiSecret.reveal(), ...use, watch });
}

/** Verifies Plaid's webhooks with the keys that Plaid hands out. */
export function plaidVerifierOf(plaid: Plaid, store?: PlaidKeyStore): PlaidVerifier {
  return createPlaidVerifier({
    ...(store && { store }),
    async fetchKey(keyId) {
      try {
        return { kind: 'found', key: await plaid.getWebhookVerificationKey({ keyId }) };
      } catch (error) {
        const isUnknown = error instanceof ProviderError && error.failure.failureClass === 'not_found';
        return { kind: isUnknown ? 'unknown' : 'unavailable' };
      }
    },
  });
}
