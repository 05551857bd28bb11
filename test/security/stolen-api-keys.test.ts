/** A thief of the API's settings, who can also read all of the namespace, gets no bank token. */
import { workflowIdOf } from '../../src/contract/names';
import { makeKey } from '../../src/encryption/development-key';
import { payloadsIn } from '../../src/encryption/key-usage';
import { createNamedPayloadCodec, isEncryptedPayload } from '../../src/encryption/payload-codec';
import { parseSealingKeys, SealingKeys } from '../../src/encryption/sealing-keys';
import { createTokenOpener, sealingKeyIdOf } from '../../src/encryption/token-sealer';
import { useService } from '../support/service';
import type { Environment } from '../support/service-process';

jest.setTimeout(180_000);

const EMPLOYER = 'employer-classification';
const [oldKey, newKey] = [makeKey('s1'), makeKey('s2')];

const service = useService({ processes: [] });

beforeAll(async () => {
  const publicText = await parseSealingKeys(oldKey).publicText();
  await Promise.all([
    service.api.start({ SEALING_PUBLIC_KEYS: publicText }),
    service.worker.start({ SEALING_KEYS: oldKey }),
  ]);
});

/** Every sealed token in the histories of a user, read with the API's encryption keys. */
async function sealedTokensOf(userId: string): Promise<string[]> {
  const { keyRing, temporal } = service;
  const codec = createNamedPayloadCodec({ keyRing, namespace: temporal.namespace });
  const history = await service.client.workflow.getHandle(workflowIdOf(userId)).fetchHistory();
  const payloads = [...payloadsIn(history.events)].filter(isEncryptedPayload);
  const decoded = await codec.decode(payloads);
  const text = decoded.map(({ data }) => Buffer.from(data ?? []).toString()).join('\n');
  return [...new Set(text.match(/sealed:[A-Za-z0-9._:-]+/g))];
}

it('links and unlinks with the public key at the API and the others at the worker', async () => {
  const { userId } = await service.link({ jobs: [EMPLOYER] });
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  expect((await service.call.unlink(userId, 30)).link().state).toBe('unlinked');
  expect(service.leftovers(userId)).toEqual([]);
});

it('opens none of the tokens with the keys of the API, and all with those of the worker', async () => {
  const { userId } = await service.link({ jobs: [EMPLOYER] });
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  const tokens = await sealedTokensOf(userId);
  expect(tokens.length).toBeGreaterThanOrEqual(3);

  const { namespace } = service.temporal;
  const stolen = createTokenOpener({ keys: SealingKeys.derivedFrom(service.keyRing), namespace });
  const own = createTokenOpener({ keys: parseSealingKeys(oldKey), namespace });
  const openings = async ({ open }: typeof own, token: string) => {
    const kinds = ['publicToken', 'accessToken', 'processorToken'] as const;
    const tries = kinds.map(async (kind) => open(kind, userId, token));
    return (await Promise.allSettled(tries)).filter(({ status }) => status === 'fulfilled').length;
  };
  for (const token of tokens) {
    expect(await openings(stolen, token)).toBe(0);
    expect(await openings(own, token)).toBe(1);
  }
  await service.call.unlink(userId, 30);
});

it('cleans up after a terminate with the keys of the worker, and with nothing less', async () => {
  const { userId } = await service.link({ jobs: [EMPLOYER] });
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  await service.client.workflow.getHandle(workflowIdOf(userId)).terminate('by hand');
  const forget = (env: Environment) => service.run('links', ['forget', userId, '--yes'], env);
  const refused = await forget({});
  expect([refused.code, refused.stdout + refused.stderr]).toEqual([
    expect.any(Number),
    expect.stringContaining('SEALING_KEYS has no key with the id "s1"'),
  ]);
  expect(refused.code).not.toBe(0);
  expect((await forget({ SEALING_KEYS: oldKey })).code).toBe(0);
  expect(service.leftovers(userId)).toEqual([]);
});

it('loses no link when the keys change over', async () => {
  const { userId } = await service.link({ jobs: [EMPLOYER] });
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  await service.worker.stop();
  await service.worker.start({ SEALING_KEYS: `${oldKey},${newKey}` });
  await service.api.stop();
  await service.api.start({ SEALING_PUBLIC_KEYS: await parseSealingKeys(newKey).publicText() });
  await service.worker.stop();
  await service.worker.start({ SEALING_KEYS: `${newKey},${oldKey}` });

  const second = await service.link({ jobs: [EMPLOYER] });
  await service.call.linkWhen(second.userId, ({ state }) => state === 'linked');
  const ids = (await sealedTokensOf(second.userId)).map(sealingKeyIdOf);
  expect(new Set(ids)).toEqual(new Set(['s2']));
  for (const id of [userId, second.userId]) {
    expect((await service.call.unlink(id, 30)).link().state).toBe('unlinked');
    expect(service.leftovers(id)).toEqual([]);
  }
});
