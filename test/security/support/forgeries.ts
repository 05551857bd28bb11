import { createHash, createHmac, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { gzipSync } from 'node:zlib';

export interface Forgery {
  path: string;
  method?: string;
  headers: Record<string, string | string[]>;
  body: Buffer;
}

export interface Target {
  /** Of an open link. */
  userId: string;
  itemId: string;
  atomicSecret: string;
  /** Another webhook's body that the secret has signed, as a forger may have recorded it. */
  recorded: { body: string; signature: string };
  /** A right `Plaid-Verification` for a body, optionally of another time. */
  signPlaid(body: string, options?: { iatUnix?: number }): string;
  plaidKid: string;
  plaidPublicKey: { x: string; y: string };
}

type Kind = (target: Target) => Forgery;

const ATOMIC = '/webhooks/atomic';
const SIGNATURE = 'x-hmac-signature-sha-256';
const JSON_TYPE = { 'content-type': 'application/json' };
const forgersKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const bodyFor = ({ userId }: Target, eventType = 'employer-classification-completed'): string =>
  JSON.stringify({
    eventType,
    eventTime: new Date().toISOString(),
    user: { identifier: userId, _id: randomBytes(12).toString('hex') },
    data: { nonce: randomUUID() },
  });
const hmac = (secret: string | Buffer, body: string | Buffer, algorithm = 'sha256') =>
  createHmac(algorithm, secret).update(body).digest('hex');

function atomic(signatureOf: (body: string, target: Target) => string | string[] | undefined): Kind {
  return (target) => {
    const body = bodyFor(target);
    const signature = signatureOf(body, target);
    const headers = { ...JSON_TYPE, 'ce-type': 'com.atomicfi.employer-classification-completed' };
    return {
      path: ATOMIC,
      headers: signature === undefined ? headers : { ...headers, [SIGNATURE]: signature },
      body: Buffer.from(body),
    };
  };
}

const right = (body: string, { atomicSecret }: Target) => hmac(atomicSecret, body);
const flipped = (hex: string) => {
  const bytes = Buffer.from(hex, 'hex');
  const at = Math.floor(Math.random() * bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
  return bytes.toString('hex');
};

const ofAtomic: Record<string, Kind> = {
  'no signature': atomic(() => undefined),
  'an empty signature': atomic(() => ''),
  'random bytes for a signature': atomic(() => randomBytes(32).toString('hex')),
  "another secret's signature": atomic((body) => hmac(randomUUID(), body)),
  'an empty secret': atomic((body) => hmac('', body)),
  'part of the secret': atomic((body, { atomicSecret }) => hmac(atomicSecret.slice(0, -1), body)),
  'the secret in another case': atomic((body, { atomicSecret }) => hmac(atomicSecret.toUpperCase(), body)),
  'the secret taken for hexadecimal': atomic((body, { atomicSecret }) =>
    hmac(Buffer.from(atomicSecret, 'hex'), body),
  ),
  'a hash without a key': atomic((body) => createHash('sha256').update(body).digest('hex')),
  'SHA-1': atomic((body, { atomicSecret }) => hmac(atomicSecret, body, 'sha1')),
  'SHA-512': atomic((body, { atomicSecret }) => hmac(atomicSecret, body, 'sha512')),
  'SHA-512 cut to size': atomic((body, { atomicSecret }) => hmac(atomicSecret, body, 'sha512').slice(0, 64)),
  'one bit flipped': atomic((body, target) => flipped(right(body, target))),
  'a digit short': atomic((body, target) => right(body, target).slice(0, -1)),
  'a byte short': atomic((body, target) => right(body, target).slice(2)),
  'a byte too many': atomic((body, target) => `${right(body, target)}00`),
  'the right digest in base64': atomic((body, target) =>
    Buffer.from(right(body, target), 'hex').toString('base64'),
  ),
  'the right digest behind a prefix': atomic((body, target) => `sha256=${right(body, target)}`),
  'the right digest with a space in it': atomic((body, target) =>
    right(body, target).replace(/^.{32}/, '$& '),
  ),
  'no hexadecimal': atomic((body, target) => right(body, target).replace(/^./, 'g')),
  'the right signature twice': atomic((body, target) => [right(body, target), right(body, target)]),
  'the right signature among others': atomic((body, target) => `${hmac('x', body)},${right(body, target)}`),
  'the signature of the body and a line feed': atomic((body, target) => right(`${body}\n`, target)),
  'the signature of the body laid out again': atomic((body, target) =>
    right(JSON.stringify(JSON.parse(body), undefined, 2), target),
  ),
  "another webhook's signature": atomic((_, { recorded }) => recorded.signature),
  "another webhook's body with another user in it": (target) => ({
    path: ATOMIC,
    headers: { ...JSON_TYPE, [SIGNATURE]: target.recorded.signature },
    body: Buffer.from(
      target.recorded.body.replace('"identifier":"', `"identifier":"${target.userId}","was":"`),
    ),
  }),
  'the signature in the address': (target) => {
    const { body, headers } = atomic(() => undefined)(target);
    return { path: `${ATOMIC}?${SIGNATURE}=${right(body.toString(), target)}`, headers, body };
  },
  'a packed body': (target) => {
    const body = bodyFor(target);
    const headers = { ...JSON_TYPE, 'content-encoding': 'gzip', [SIGNATURE]: right(body, target) };
    return { path: ATOMIC, headers, body: gzipSync(body) };
  },
  'a body that is too large': (target) => {
    const body = Buffer.alloc(300_000, 'x');
    return { path: ATOMIC, headers: { ...JSON_TYPE, [SIGNATURE]: right(body.toString(), target) }, body };
  },
  'another content type': (target) => {
    const body = bodyFor(target);
    return {
      path: ATOMIC,
      headers: { 'content-type': 'text/plain', [SIGNATURE]: right(body, target) },
      body: Buffer.from(body),
    };
  },
  'another method': (target) => {
    const body = bodyFor(target);
    return {
      path: ATOMIC,
      method: 'PUT',
      headers: { ...JSON_TYPE, [SIGNATURE]: right(body, target) },
      body: Buffer.from(body),
    };
  },
  'another event in the header than in the body': (target) => {
    const body = bodyFor(target, 'linked-account-updated');
    return {
      path: ATOMIC,
      headers: {
        ...JSON_TYPE,
        'ce-type': 'com.atomicfi.employer-classification-completed',
        [SIGNATURE]: right(body, target),
      },
      body: Buffer.from(body),
    };
  },
};

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

function claimsOf(body: string) {
  return { iat: now(), request_body_sha256: createHash('sha256').update(body).digest('hex') };
}

/** A JWT under the forger's own key. */
function ownJwt(
  body: string,
  header: Record<string, unknown>,
  dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363',
): string {
  const signed = `${encode({ alg: 'ES256', typ: 'JWT', ...header })}.${encode(claimsOf(body))}`;
  const signature = sign('sha256', Buffer.from(signed), { key: forgersKey.privateKey, dsaEncoding });
  return `${signed}.${signature.toString('base64url')}`;
}

function plaid(jwtOf: (body: string, target: Target) => string | string[] | undefined): Kind {
  return (target) => {
    const body = JSON.stringify({
      webhook_type: 'ITEM',
      webhook_code: 'USER_PERMISSION_REVOKED',
      item_id: target.itemId,
      environment: 'sandbox',
      nonce: randomUUID(),
    });
    const jwt = jwtOf(body, target);
    return {
      path: `/webhooks/plaid/${target.userId}`,
      headers: jwt === undefined ? JSON_TYPE : { ...JSON_TYPE, 'plaid-verification': jwt },
      body: Buffer.from(body),
    };
  };
}

const ofPlaid: Record<string, Kind> = {
  'no JWT': plaid(() => undefined),
  'no JWT but text': plaid(() => randomBytes(40).toString('base64')),
  'a JWT of three empty parts': plaid(() => '..'),
  'alg none': plaid(
    (body, { plaidKid }) => `${encode({ alg: 'none', kid: plaidKid })}.${encode(claimsOf(body))}.`,
  ),
  'HMAC with the public key': plaid((body, { plaidKid, plaidPublicKey }) => {
    const signed = `${encode({ alg: 'HS256', kid: plaidKid, typ: 'JWT' })}.${encode(claimsOf(body))}`;
    const mac = createHmac('sha256', JSON.stringify(plaidPublicKey)).update(signed).digest('base64url');
    return `${signed}.${mac}`;
  }),
  "the forger's key under Plaid's id": plaid((body, { plaidKid }) => ownJwt(body, { kid: plaidKid })),
  "the forger's key under an id of its own": plaid((body) => ownJwt(body, { kid: randomUUID() })),
  "the forger's key in the header": plaid((body, { plaidKid }) =>
    ownJwt(body, { kid: plaidKid, jwk: forgersKey.publicKey.export({ format: 'jwk' }) }),
  ),
  'a key to be fetched': plaid((body, { plaidKid }) =>
    ownJwt(body, { kid: plaidKid, jku: 'http://127.0.0.1:9/keys', x5u: 'http://127.0.0.1:9/cert' }),
  ),
  'an id that is a path': plaid((body) => ownJwt(body, { kid: '../../dev/null' })),
  'no id': plaid((body) => ownJwt(body, {})),
  'a signature in DER': plaid((body, { plaidKid }) => ownJwt(body, { kid: plaidKid }, 'der')),
  'six minutes old': plaid((body, { signPlaid }) => signPlaid(body, { iatUnix: now() - 360 })),
  'from the future': plaid((body, { signPlaid }) => signPlaid(body, { iatUnix: now() + 120 })),
  "another body's JWT": plaid((body, { signPlaid }) => signPlaid(`${body} `)),
  'the signature left out': plaid((body, { signPlaid }) => signPlaid(body).replace(/[^.]*$/, '')),
  'one bit of the signature flipped': plaid((body, { signPlaid }) => {
    const [header, claims, signature = ''] = signPlaid(body).split('.');
    const bytes = Buffer.from(flipped(Buffer.from(signature, 'base64url').toString('hex')), 'hex');
    return `${header}.${claims}.${bytes.toString('base64url')}`;
  }),
  'the claims exchanged': plaid((body, { signPlaid }) => {
    const [header, , signature] = signPlaid('{}').split('.');
    return `${header}.${encode(claimsOf(body))}.${signature}`;
  }),
  'a right JWT twice': plaid((body, { signPlaid }) => [signPlaid(body), signPlaid(body)]),
  'a right JWT behind a scheme': plaid((body, { signPlaid }) => `Bearer ${signPlaid(body)}`),
};

/** Each makes another forgery at every call. */
export const FORGERIES: readonly [name: string, make: Kind][] = [
  ...Object.entries(ofAtomic).map(([name, make]): [string, Kind] => [`Atomic: ${name}`, make]),
  ...Object.entries(ofPlaid).map(([name, make]): [string, Kind] => [`Plaid: ${name}`, make]),
];
