import { Registry } from 'prom-client';
import { makeKey } from '../../src/encryption/development-key';
import { parseKeyRing } from '../../src/encryption/key-ring';
import { createPayloadCodec } from '../../src/encryption/payload-codec';
import { encryptedPayloadCounter } from '../../src/process/encryption-metrics';

it('counts payloads by the key that encrypts', async () => {
  const registry = new Registry();
  const codec = createPayloadCodec({
    keyRing: parseKeyRing(`${makeKey('k2')},${makeKey('k1')}`),
    namespace: 'default',
    onEncrypted: encryptedPayloadCounter(registry),
  });
  const context = { type: 'workflow', namespace: 'default', workflowId: 'w' } as const;
  const payload = { metadata: {}, data: Buffer.of(1) };
  await codec.decode(await codec.encode([payload, payload, payload], context), context);
  expect(await registry.metrics()).toContain('processor_link_payloads_encrypted_total{key_id="k2"} 3\n');
});
