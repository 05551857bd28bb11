import { Registry } from 'prom-client';
import { makeKey } from '../../src/encryption/development-key';
import { parseKeyRing } from '../../src/encryption/key-ring';
import { createPayloadCodec } from '../../src/encryption/payload-codec';
import { encryptedPayloadCounter, gaugeKeys } from '../../src/process/encryption-metrics';

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

it('says which keys a process has, the same for the same keys in another order', async () => {
  const [one, two] = [makeKey('k1'), makeKey('k2')];
  const said = (text: string) => {
    const registry = new Registry();
    gaugeKeys(registry, parseKeyRing(text));
    return registry.metrics();
  };
  const { digest } = parseKeyRing(`${two},${one}`);
  expect(digest).toMatch(/^[0-9a-f]{8}$/);
  expect(await said(`${one},${two}`)).toContain(
    `processor_link_encryption_keys_info{key_ids="k1,k2",digest="${digest}"} 1\n`,
  );
  for (const other of [one, `${one},${makeKey('k2')}`, `${one},${two.replace('k2', 'k3')}`]) {
    expect(parseKeyRing(other).digest).not.toBe(digest);
  }
});
