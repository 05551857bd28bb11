import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { DecryptionError } from '../../encryption/authenticated-encryption';
import { type KeyRing, UnknownKeyError } from '../../encryption/key-ring';
import {
  createNamedPayloadCodec,
  encryptionKeyIdOf,
  PayloadRefusedError,
} from '../../encryption/payload-codec';

/** What a payload holds, or the id of the key that its reader lacks; neither where it does not decrypt at all. */
export interface PayloadReading {
  value?: unknown;
  lackedKeyId?: string;
}

export type PayloadReader = (payload: Payload) => Promise<PayloadReading>;

/** Reads payloads as far as the keys go, and never throws for want of one: operators come when something is wrong. */
export function createPayloadReader(keyRing: KeyRing, namespace: string): PayloadReader {
  const codec = createNamedPayloadCodec({ keyRing, namespace });
  return async (payload) => {
    try {
      const [decoded] = await codec.decode([payload]);
      return decoded === undefined ? {} : { value: defaultPayloadConverter.fromPayload(decoded) };
    } catch (error) {
      if (error instanceof UnknownKeyError) {
        const keyId = encryptionKeyIdOf(payload);
        return keyId === undefined ? {} : { lackedKeyId: keyId };
      }
      if (error instanceof PayloadRefusedError || error instanceof DecryptionError) return {};
      throw error;
    }
  };
}
