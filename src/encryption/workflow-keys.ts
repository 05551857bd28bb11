import { createHash, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { KeyRing } from './key-ring';

const KEY_BYTES = 32;
/** Some 1 kB each. A worker has a few hundred links at work, and the API as many users as call at a time. */
const MAX_CACHED_KEYS = 2_000;

/**
 * The payload keys of workflows: HKDF-SHA256 of a ring's `payload` key, over namespace and workflow id. Derived at first
 * use and kept, the least recently used going first, since deriving one costs more than encrypting a payload.
 */
export class WorkflowKeys {
  readonly #keyRing: KeyRing;
  readonly #namespace: string;
  /** In the order of last use. */
  readonly #keys = new Map<string, KeyObject>();

  constructor(keyRing: KeyRing, namespace: string) {
    this.#keyRing = keyRing;
    this.#namespace = namespace;
  }

  /** Throws `UnknownKeyError` for a key id that is not in the ring. */
  key(keyId: string, workflowId: string): KeyObject {
    const name = `${keyId} ${workflowId}`;
    const key = this.#keys.get(name) ?? this.#derive(keyId, workflowId);
    this.#keys.delete(name);
    this.#keys.set(name, key);
    if (this.#keys.size > MAX_CACHED_KEYS) {
      for (const oldest of this.#keys.keys()) {
        this.#keys.delete(oldest);
        break;
      }
    }
    return key;
  }

  #derive(keyId: string, workflowId: string): KeyObject {
    // Node takes 1,024 bytes of info, and ids are other people's text.
    const info = createHash('sha256')
      .update(JSON.stringify([this.#namespace, workflowId]))
      .digest();
    const key = hkdfSync('sha256', this.#keyRing.key(keyId, 'payload'), 'processor-link', info, KEY_BYTES);
    return createSecretKey(Buffer.from(key));
  }
}
