import type { webcrypto } from 'node:crypto';
import type { TokenKind, TokenOpener, TokenSealer } from '../contract/workflow';
import { DecryptionError } from './authenticated-encryption';
import type { SealingKeys, SealingPublicKey } from './sealing-keys';
import { ENCAPSULATED_BYTES, suite } from './sealing-suite';

const VERSION = 2;
const KEY_ID = '(?:derived\\.)?[A-Za-z0-9_-]{1,32}';
const SEALED = new RegExp(`^sealed:v${VERSION}:(${KEY_ID}):([A-Za-z0-9_-]+)$`);
const SEALED_WITHIN = new RegExp(`sealed:v${VERSION}:(${KEY_ID}):`, 'g');
const REPLY = /^reply:v1:([A-Za-z0-9_-]+)$/;

/**
 * Seals bank tokens for their way through workflows, by HPKE to the workers' public key:
 * `sealed:v2:<key id>:<base64url of encapsulated key, ciphertext>`, bound to namespace, user and kind. It cannot open them.
 */
export function createTokenSealer({
  publicKey,
  namespace,
}: {
  publicKey: SealingPublicKey;
  namespace: string;
}): TokenSealer {
  return {
    async seal(kind, userId, token) {
      const info = infoOf(['sealed-token', namespace, kind, userId, publicKey.id]);
      return `sealed:v${VERSION}:${publicKey.id}:${await sealTo(await publicKey.key(), info, token)}`;
    },
  };
}

/**
 * The workers' side. `open` rejects with `DecryptionError` for a text that was altered or belongs to another namespace, user
 * or kind, and with `UnknownSealingKeyError` for one whose key is not there.
 */
export function createTokenOpener({
  keys,
  namespace,
}: {
  keys: SealingKeys;
  namespace: string;
}): TokenOpener {
  const { seal } = createTokenSealer({ publicKey: keys.publicKey, namespace });

  async function open(kind: TokenKind, userId: string, sealed: string): Promise<string> {
    const [, keyId, encoded] = SEALED.exec(sealed) ?? [];
    if (keyId === undefined || encoded === undefined) throw new DecryptionError();
    return openBox(await keys.pair(keyId), infoOf(['sealed-token', namespace, kind, userId, keyId]), encoded);
  }

  return {
    seal,
    open,
    async reseal(kind, userId, sealed) {
      if (sealingKeyIdOf(sealed) === keys.primaryId) return sealed;
      return seal(kind, userId, await open(kind, userId, sealed));
    },
    async sealReply(replyKey, userId, token) {
      const publicKey = await suite.kem.deserializePublicKey(Buffer.from(replyKey, 'base64url')).catch(() => {
        throw new DecryptionError();
      });
      return `reply:v1:${await sealTo(publicKey, infoOf(['reply', namespace, userId]), token)}`;
    },
  };
}

/**
 * A key for one answer, which a worker seals to it. Its private half never leaves this process, so that neither history nor
 * any key of the deployment opens the answer.
 */
export async function createReplyKey(namespace: string): Promise<{
  /** Goes with the question: base64url of 65 bytes. */
  publicKey: string;
  /** Rejects with `DecryptionError` for what was sealed to another key or for another user. */
  open(userId: string, reply: string): Promise<string>;
}> {
  const pair = await suite.kem.generateKeyPair();
  const point = await suite.kem.serializePublicKey(pair.publicKey);
  return {
    publicKey: Buffer.from(point).toString('base64url'),
    async open(userId, reply) {
      const encoded = REPLY.exec(reply)?.[1];
      if (encoded === undefined) throw new DecryptionError();
      return openBox(pair, infoOf(['reply', namespace, userId]), encoded);
    },
  };
}

/** Id of the key that a token was sealed to; undefined for a text that is no sealed token. */
export function sealingKeyIdOf(sealed: string): string | undefined {
  return SEALED.exec(sealed)?.[1];
}

/** Ids of the keys that the tokens somewhere in a text were sealed to. */
export function sealingKeyIdsWithin(text: string): string[] {
  return [...text.matchAll(SEALED_WITHIN)].flatMap(([, keyId]) => keyId ?? []);
}

async function sealTo(recipientPublicKey: webcrypto.CryptoKey, info: Buffer, token: string): Promise<string> {
  const { enc, ct } = await suite.seal({ recipientPublicKey, info }, Buffer.from(token, 'utf8'));
  return Buffer.concat([Buffer.from(enc), Buffer.from(ct)]).toString('base64url');
}

async function openBox(
  recipientKey: webcrypto.CryptoKeyPair,
  info: Buffer,
  encoded: string,
): Promise<string> {
  const box = Buffer.from(encoded, 'base64url');
  // Unused bits of the last character would otherwise let several texts open as the same token.
  if (box.toString('base64url') !== encoded) throw new DecryptionError();
  const enc = box.subarray(0, ENCAPSULATED_BYTES);
  try {
    const token = await suite.open({ recipientKey, enc, info }, box.subarray(ENCAPSULATED_BYTES));
    return Buffer.from(token).toString('utf8');
  } catch {
    throw new DecryptionError();
  }
}

/** JSON keeps the parts apart, so that no two contexts give the same bytes. */
function infoOf(parts: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify(['processor-link', ...parts]), 'utf8');
}
