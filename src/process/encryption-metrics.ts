import { Counter, type Registry } from 'prom-client';

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
