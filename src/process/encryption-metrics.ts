import { Counter, Gauge, type Registry } from 'prom-client';
import type { KeyRing } from '../encryption/key-ring';

/** Counts payloads by the key of `ENCRYPTION_KEYS` that they are encrypted under, so that its budget can be watched. */
export function encryptedPayloadCounter(registry: Registry): (keyId: string) => void {
  const payloads = new Counter({
    name: 'processor_link_payloads_encrypted_total',
    help: 'Payloads encrypted, by the id of the key in ENCRYPTION_KEYS.',
    labelNames: ['key_id'],
    registers: [registry],
  });
  return (keyId) => payloads.inc({ key_id: keyId });
}

/** Says which keys the process has: all processes should have the same. */
export function gaugeKeys(registry: Registry, { ids, digest }: KeyRing): void {
  const keys = new Gauge({
    name: 'processor_link_encryption_keys_info',
    help: 'Always 1; its labels name the keys in ENCRYPTION_KEYS, the first one encrypts, and tell them from others.',
    labelNames: ['key_ids', 'digest'],
    registers: [registry],
  });
  keys.set({ key_ids: ids.join(','), digest }, 1);
}
