import { createHash, createHmac, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Client, type Connection } from '@temporalio/client';
import pino from 'pino';
import { workflowIdOf } from '../../src/contract/names';
import { LinkClient } from '../../src/link-client/link-client';
import { plaidVerifierOf } from '../../src/process/wiring';
import { closeApps, testApp } from '../http/support/test-app';
import { useWorld } from '../support/world';

interface Forgery {
  path: string;
  method?: string;
  headers: Record<string, string | string[]>;
  body: Buffer;
}

interface Target {
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
const FORGERIES: readonly [name: string, make: Kind][] = [
  ...Object.entries(ofAtomic).map(([name, make]): [string, Kind] => [`Atomic: ${name}`, make]),
  ...Object.entries(ofPlaid).map(([name, make]): [string, Kind] => [`Plaid: ${name}`, make]),
];

jest.setTimeout(240_000);

const HOW_MANY = 10_000;
const AT_ONCE = 40;

const atomicSecret = randomBytes(20).toString('hex');
const userId = `user-${randomUUID()}`;

const world = useWorld({ worker: 'none' });
let port: number;
let target: Target;
let temporalCalls = 0;
/** Of key ids, for one address and user. */
const LOOKUPS_PER_MINUTE = 5;
const OWN_KEY_ID = "Plaid: the forger's key under an id of its own";
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

/** The connection, with every call on Temporal's service counted. */
function counted(real: Connection): Connection {
  const workflowService = new Proxy(real.workflowService, {
    get(service, name, receiver) {
      const member: unknown = Reflect.get(service, name, receiver);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        temporalCalls += 1;
        return Reflect.apply(member, service, args);
      };
    },
  });
  return new Proxy(real, {
    get: (its, name) => (name === 'workflowService' ? workflowService : Reflect.get(its, name, its)),
  });
}

beforeAll(async () => {
  const { plaid, keyRing, dataConverter, taskQueue } = world;
  const { connection, namespace } = world.temporal;
  const links = new LinkClient({
    client: new Client({ connection: counted(connection), namespace, dataConverter }),
    keyRing,
    taskQueue,
  });
  const { app } = testApp({
    links,
    atomicWebhookSecrets: () => [atomicSecret],
    verifyPlaidWebhook: plaidVerifierOf(world.providers.plaid),
    logger: pino({ level: 'debug' }, { write: () => undefined }),
    // Tests share their processor, and being busy is not what is asked about here. Nor is the limit of refusals: each of
    // the forgeries is to be judged.
    limits: { refusalsPerMinutePerAddress: 0 },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = app.server.address() as AddressInfo);
  const { publicToken, itemId } = plaid.createPublicToken({ userId });
  await links.start({ userId, publicToken, jobs: ['employer-classification'] });
  const recorded = JSON.stringify({
    eventType: 'employer-classification-completed',
    eventTime: new Date().toISOString(),
    user: { identifier: 'somebody-else' },
  });
  const { currentKid } = plaid.keys;
  target = {
    userId,
    itemId,
    atomicSecret,
    recorded: {
      body: recorded,
      signature: createHmac('sha256', atomicSecret).update(recorded).digest('hex'),
    },
    signPlaid: (body, options) => plaid.keys.sign(body, options),
    plaidKid: currentKid,
    plaidPublicKey: { x: plaid.keys.find(currentKid)?.x ?? '', y: plaid.keys.find(currentKid)?.y ?? '' },
  };
});

afterAll(async () => {
  agent.destroy();
  await closeApps();
});

function post({ path, method = 'POST', headers, body }: Forgery): Promise<number> {
  return new Promise((resolve, reject) => {
    const sending = request(
      {
        port,
        host: '127.0.0.1',
        path,
        method,
        agent,
        headers: { ...headers, 'content-length': body.length },
      },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
        response.on('error', reject);
      },
    );
    // A body that is too large is refused before all of it was sent.
    sending.on('error', (error) =>
      'code' in error && error.code === 'EPIPE' ? resolve(413) : reject(error),
    );
    sending.end(body);
  });
}

async function historyLength(): Promise<number> {
  const { historyLength: length } = await world.client.workflow.getHandle(workflowIdOf(userId)).describe();
  return length;
}

it(`refuses ${HOW_MANY} forged webhooks of ${FORGERIES.length} kinds, and asks Temporal once for each look-up of a key`, async () => {
  const before = await historyLength();
  temporalCalls = 0;
  const startedAt = performance.now();
  const statuses = new Map<string, Map<number, number>>();
  let next = 0;
  const forge = async () => {
    while (next < HOW_MANY) {
      const [name, make] = FORGERIES[next++ % FORGERIES.length] ?? [];
      if (name === undefined || make === undefined) return;
      const status = await post(make(target));
      const counts = statuses.get(name) ?? new Map<number, number>();
      statuses.set(name, counts.set(status, (counts.get(status) ?? 0) + 1));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, forge));

  const answers = [...statuses].flatMap(([name, counts]) =>
    [...counts].map(([status, count]) => ({ name, status, count })),
  );
  expect(answers.reduce((sum, { count }) => sum + count, 0)).toBe(HOW_MANY);
  expect(statuses.size).toBeGreaterThanOrEqual(20);
  const unusual = answers.filter(({ status }) => ![400, 401, 405, 413, 415].includes(status));
  // Of a key that is looked up no more nothing is said: 503, for a true sender to come again.
  expect(unusual.filter(({ name }) => name !== OWN_KEY_ID)).toEqual([]);
  expect(new Set(unusual.map(({ status }) => status))).toEqual(new Set([503]));
  const minutes = Math.ceil((performance.now() - startedAt) / 60_000) + 1;
  expect(temporalCalls).toBeGreaterThan(0);
  expect(temporalCalls).toBeLessThanOrEqual(LOOKUPS_PER_MINUTE * minutes);
  expect(await historyLength()).toBe(before);
});

it('takes the two webhooks that those were forged after', async () => {
  const before = await historyLength();
  const callsBefore = temporalCalls;
  const byName = new Map(FORGERIES);
  const atomic = byName.get('Atomic: no signature')?.(target);
  const ofPlaid = byName.get('Plaid: no JWT')?.(target);
  if (!atomic || !ofPlaid) throw new Error('the forgeries have other names');
  const signature = createHmac('sha256', atomicSecret).update(atomic.body).digest('hex');

  const taken = [
    await post({ ...atomic, headers: { ...atomic.headers, 'x-hmac-signature-sha-256': signature } }),
    await post({
      ...ofPlaid,
      headers: { ...ofPlaid.headers, 'plaid-verification': target.signPlaid(ofPlaid.body.toString()) },
    }),
  ];

  expect(taken).toEqual([200, 200]);
  expect(temporalCalls - callsBefore).toBe(2);
  expect(await historyLength()).toBe(before + 2);
});
