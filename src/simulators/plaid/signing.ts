import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { IdGenerator } from '../server/ids';

/** As `/webhook_verification_key/get` answers it. */
export interface VerificationJwk {
  alg: 'ES256';
  crv: 'P-256';
  kid: string;
  kty: 'EC';
  use: 'sig';
  x: string;
  y: string;
  /** Unix seconds. */
  created_at: number;
  expired_at: number | null;
}

interface SigningKey {
  jwk: VerificationJwk;
  privateKey: KeyObject;
}

/** The key pairs that sign webhooks: the newest one signs, the others can still be asked for. */
export class WebhookKeys {
  readonly #ids: IdGenerator;
  readonly #now: () => number;
  readonly #keys = new Map<string, SigningKey>();
  #current: SigningKey;

  constructor(ids: IdGenerator, now: () => number) {
    this.#ids = ids;
    this.#now = now;
    this.#current = this.#make();
  }

  get currentKid(): string {
    return this.#current.jwk.kid;
  }

  find(kid: string): VerificationJwk | undefined {
    return this.#keys.get(kid)?.jwk;
  }

  /** Signs with a new key from now on; the old one stays valid until {@link expire}. Returns the new `kid`. */
  rotate(): string {
    this.#current = this.#make();
    return this.currentKid;
  }

  /** Withdraws a key: it is still answered, with `expired_at` set. */
  expire(kid: string = this.currentKid): void {
    const key = this.#keys.get(kid);
    if (!key) throw new Error(`No such key: ${kid}`);
    key.jwk.expired_at = Math.floor(this.#now() / 1000);
  }

  /**
   * The value of `Plaid-Verification` for a body: an ES256 JWT with `iat` and `request_body_sha256`.
   * `kid` and `iatUnix` (seconds) are for forgeries.
   */
  sign(rawBody: string, options: { kid?: string; iatUnix?: number } = {}): string {
    const key = options.kid === undefined ? this.#current : this.#keys.get(options.kid);
    if (!key) throw new Error(`No such key: ${options.kid}`);
    const header = { alg: 'ES256', kid: key.jwk.kid, typ: 'JWT' };
    const payload = {
      iat: options.iatUnix ?? Math.floor(this.#now() / 1000),
      request_body_sha256: createHash('sha256').update(rawBody).digest('hex'),
    };
    const signed = `${base64url(header)}.${base64url(payload)}`;
    // JOSE wants r and s side by side, not the DER that OpenSSL makes.
    const signature = sign('sha256', Buffer.from(signed), {
      key: key.privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return `${signed}.${signature.toString('base64url')}`;
  }

  #make(): SigningKey {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    const kid = this.#ids.uuid();
    const key: SigningKey = {
      privateKey,
      jwk: {
        alg: 'ES256',
        crv: 'P-256',
        kid,
        kty: 'EC',
        use: 'sig',
        x,
        y,
        created_at: Math.floor(this.#now() / 1000),
        expired_at: null,
      },
    };
    this.#keys.set(kid, key);
    return key;
  }
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
