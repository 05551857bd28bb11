import { createECDH, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import type { TokenKind } from '../../src/contract/workflow';
import { DecryptionError } from '../../src/encryption/authenticated-encryption';
import { KeyRingFormatError, parseKeyRing } from '../../src/encryption/key-ring';
import {
  parseSealingKeys,
  parseSealingPublicKeys,
  SealingKeys,
  UnknownSealingKeyError,
} from '../../src/encryption/sealing-keys';
import {
  createReplyKey,
  createTokenOpener,
  createTokenSealer,
  sealingKeyIdOf,
  sealingKeyIdsWithin,
} from '../../src/encryption/token-sealer';

const keyText = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;
const [s1, s2] = [keyText('s1'), keyText('s2')];
const openerOf = (text: string, namespace = 'default') =>
  createTokenOpener({ keys: parseSealingKeys(text), namespace });
const opener = openerOf(s1);
const KINDS: TokenKind[] = ['publicToken', 'accessToken', 'processorToken'];
const TOKEN = 'access-sandbox-8ab976e6-64bc-4b38-98f7-731e7a349970';

const userIds = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/);
const kinds = fc.constantFrom(...KINDS);

describe('a sealed token', () => {
  it('opens for its user and kind as it was', async () => {
    await fc.assert(
      fc.asyncProperty(kinds, userIds, fc.string({ unit: 'binary' }), async (kind, userId, token) => {
        const sealed = await opener.seal(kind, userId, token);
        expect(sealed).toMatch(/^sealed:v2:s1:[A-Za-z0-9_-]+$/);
        expect(await opener.open(kind, userId, sealed)).toBe(token);
      }),
    );
  });

  it('is made with the public key alone', async () => {
    const publicKey = parseSealingPublicKeys(await parseSealingKeys(s1).publicText());
    const sealer = createTokenSealer({ publicKey, namespace: 'default' });
    expect(sealer).not.toHaveProperty('open');
    expect(await opener.open('accessToken', 'u1', await sealer.seal('accessToken', 'u1', TOKEN))).toBe(TOKEN);
  });

  it('shows nothing of the token, and is another text each time', async () => {
    const texts = await Promise.all(
      Array.from({ length: 50 }, () => opener.seal('accessToken', 'u1', TOKEN)),
    );
    expect(new Set(texts).size).toBe(50);
    expect(texts.some((text) => Buffer.from(text.slice(13), 'base64url').includes('access-'))).toBe(false);
  });

  it('does not open for another user', async () => {
    await fc.assert(
      fc.asyncProperty(kinds, userIds, userIds, async (kind, userId, otherId) => {
        fc.pre(userId !== otherId);
        const sealed = await opener.seal(kind, userId, TOKEN);
        await expect(opener.open(kind, otherId, sealed)).rejects.toThrow(DecryptionError);
      }),
    );
  });

  it.each(
    KINDS.flatMap((kind) => KINDS.filter((other) => other !== kind).map((other) => [kind, other] as const)),
  )('sealed as %s does not open as %s', async (kind, other) => {
    const sealed = await opener.seal(kind, 'u1', TOKEN);
    await expect(opener.open(other, 'u1', sealed)).rejects.toThrow(DecryptionError);
  });

  it('does not open in another namespace', async () => {
    const sealed = await openerOf(s1, 'staging').seal('accessToken', 'u1', TOKEN);
    await expect(opener.open('accessToken', 'u1', sealed)).rejects.toThrow(DecryptionError);
  });

  it('does not open with any character replaced, left out or added', async () => {
    const sealed = await opener.seal('accessToken', 'u1', TOKEN);
    const alphabet = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=: \n'];
    await fc.assert(
      fc.asyncProperty(
        fc.nat(sealed.length - 1),
        fc.constantFrom(...alphabet),
        fc.constantFrom('replace', 'remove', 'insert'),
        async (at, character, how) => {
          const tail = sealed.slice(how === 'insert' ? at : at + 1);
          const altered = sealed.slice(0, at) + (how === 'remove' ? '' : character) + tail;
          fc.pre(altered !== sealed);
          // A key that is not there fails before its promise.
          await expect((async () => opener.open('accessToken', 'u1', altered))()).rejects.toThrow();
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('does not open when cut short', async () => {
    const sealed = await opener.seal('accessToken', 'u1', TOKEN);
    for (let length = 0; length < sealed.length; length++) {
      await expect(opener.open('accessToken', 'u1', sealed.slice(0, length))).rejects.toThrow();
    }
  });

  it('opens after rotation while its key is there, and says which one is missing after that', async () => {
    const sealed = await opener.seal('processorToken', 'u1', TOKEN);
    expect(sealingKeyIdOf(sealed)).toBe('s1');
    const rotated = openerOf(`${s2},${s1}`);
    expect(await rotated.open('processorToken', 'u1', sealed)).toBe(TOKEN);
    expect(sealingKeyIdOf(await rotated.seal('processorToken', 'u1', TOKEN))).toBe('s2');
    const without = openerOf(s2).open('processorToken', 'u1', sealed);
    await expect(without).rejects.toThrow(UnknownSealingKeyError);
    await expect(without).rejects.toThrow(/SEALING_KEYS has no key with the id "s1"/);
  });

  it('moves to the first key when it is sealed again, and stays as it is when it is there', async () => {
    const sealed = await opener.seal('accessToken', 'u1', TOKEN);
    const rotated = openerOf(`${s2},${s1}`);
    const again = await rotated.reseal('accessToken', 'u1', sealed);
    expect(sealingKeyIdOf(again)).toBe('s2');
    expect(await openerOf(s2).open('accessToken', 'u1', again)).toBe(TOKEN);
    expect(await rotated.reseal('accessToken', 'u1', again)).toBe(again);
    await expect(rotated.reseal('accessToken', 'u2', sealed)).rejects.toThrow(DecryptionError);
  });

  it('does not open under another key of the same id', async () => {
    const other = openerOf(keyText('s1'));
    const sealed = await opener.seal('accessToken', 'u1', TOKEN);
    await expect(other.open('accessToken', 'u1', sealed)).rejects.toThrow(DecryptionError);
  });

  it('never puts the token or the sealed text into an error', async () => {
    const sealed = await opener.seal('accessToken', 'u1', TOKEN);
    for (const text of [TOKEN, `${sealed}A`, sealed.replace('s1', 's9')]) {
      const error: unknown = await opener.open('accessToken', 'u1', text).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Error);
      const shown = JSON.stringify([String(error), error instanceof Error ? error.stack : '']);
      expect(shown).not.toContain(TOKEN);
      expect(shown).not.toContain(sealed.slice(20));
    }
  });

  it('is found by its key wherever it stands', async () => {
    const derived = SealingKeys.derivedFrom(parseKeyRing(keyText('k1')));
    const other = createTokenOpener({ keys: derived, namespace: 'default' });
    const text = JSON.stringify({
      a: await opener.seal('accessToken', 'u1', TOKEN),
      b: [await other.seal('accessToken', 'u1', TOKEN)],
    });
    expect(sealingKeyIdsWithin(text)).toEqual(['s1', 'derived.k1']);
  });
});

describe('keys for sealing', () => {
  it('are derived from the encryption keys where there are no others, and open beside those that come later', async () => {
    const ring = parseKeyRing(`${keyText('k1')},${keyText('k2')}`);
    const derived = createTokenOpener({ keys: SealingKeys.derivedFrom(ring), namespace: 'default' });
    const sealed = await derived.seal('accessToken', 'u1', TOKEN);
    expect(sealingKeyIdOf(sealed)).toBe('derived.k1');
    const keys = parseSealingKeys(s1).with(SealingKeys.derivedFrom(ring));
    const both = createTokenOpener({ keys, namespace: 'default' });
    expect(await both.open('accessToken', 'u1', sealed)).toBe(TOKEN);
    expect(sealingKeyIdOf(await both.reseal('accessToken', 'u1', sealed))).toBe('s1');
    await expect(opener.open('accessToken', 'u1', sealed)).rejects.toThrow(/ENCRYPTION_KEYS.*"k1"/);
  });

  it('show nothing of themselves', async () => {
    const keys = parseSealingKeys(`${s1},${s2}`);
    await keys.pair('s1');
    const secret = s1.slice(3);
    const { inspect } = await import('node:util');
    expect(JSON.stringify(keys)).toBe('{"sealingKeyIds":["s1","s2"]}');
    expect(inspect(keys, { depth: 9, showHidden: true })).not.toContain(secret.slice(0, 12));
    expect(await keys.publicText()).not.toContain(secret);
  });

  it.each([
    ['nothing', ''],
    ['no id', randomBytes(65).toString('base64')],
    ['a key of another length', `s1:${randomBytes(32).toString('base64')}`],
    [
      'a point that is not on the curve',
      `s1:${Buffer.concat([Buffer.of(4), randomBytes(64)]).toString('base64')}`,
    ],
    ['a point in another form', `s1:${Buffer.concat([Buffer.of(6), randomBytes(64)]).toString('base64')}`],
  ])('%s is no public key', (_what, text) => {
    expect(() => parseSealingPublicKeys(text)).toThrow(KeyRingFormatError);
  });
});

describe('an answer to one question', () => {
  it('is opened by who asked, for the user asked for, and by nobody with the keys of the deployment', async () => {
    const [asked, other] = [await createReplyKey('default'), await createReplyKey('default')];
    const reply = await opener.sealReply(asked.publicKey, 'u1', 'link-sandbox-1');
    expect(await asked.open('u1', reply)).toBe('link-sandbox-1');
    await expect(asked.open('u2', reply)).rejects.toThrow(DecryptionError);
    await expect(other.open('u1', reply)).rejects.toThrow(DecryptionError);
    await expect(opener.open('accessToken', 'u1', reply)).rejects.toThrow(DecryptionError);
    const elsewhere = await openerOf(s1, 'staging').sealReply(asked.publicKey, 'u1', 'link-sandbox-1');
    await expect(asked.open('u1', elsewhere)).rejects.toThrow(DecryptionError);
  });

  it('is sealed to no key that is none', async () => {
    const compressed = createECDH('prime256v1').generateKeys('base64', 'compressed');
    for (const replyKey of ['', 'x', compressed, randomBytes(65).toString('base64url')]) {
      await expect(opener.sealReply(replyKey, 'u1', 'link-sandbox-1')).rejects.toThrow(DecryptionError);
    }
  });
});
