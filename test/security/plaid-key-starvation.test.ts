import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { plaidKeyFile } from '../../src/process/plaid-key-file';
import type { PlaidKeyStore } from '../../src/webhooks/plaid-key-cache';
import type { PlaidKeyLookup } from '../../src/webhooks/plaid-signature';
import { createPlaidVerifier } from '../../src/webhooks/plaid-signature';
import { closeApps, testApp } from '../http/support/test-app';

afterEach(closeApps);

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const KID = randomUUID();
const BODY = JSON.stringify({ webhook_type: 'ITEM', webhook_code: 'LOGIN_REPAIRED', item_id: 'item-1' });

function jwtOf(kid: string): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    iat: Math.floor(Date.now() / 1000),
    request_body_sha256: createHash('sha256').update(BODY).digest('hex'),
  };
  const signed = `${encode({ alg: 'ES256', kid, typ: 'JWT' })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

async function lookUp(keyId: string): Promise<PlaidKeyLookup> {
  if (keyId !== KID) return { kind: 'unknown' };
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const key = {
    alg: 'ES256',
    crv: 'P-256',
    kty: 'EC',
    use: 'sig',
    kid: KID,
    x,
    y,
    created_at: 1,
    expired_at: null,
  };
  return { kind: 'found', key };
}

function freshApi(store?: PlaidKeyStore, fetchKey = lookUp) {
  const made = testApp({ verifyPlaidWebhook: createPlaidVerifier({ fetchKey, ...(store && { store }) }) });
  made.links.script({ hasOpenLink: async (userId) => userId === 'linked' });
  const send = (kid: string, { user = 'linked', from }: { user?: string; from: string }) =>
    made.app.inject({
      method: 'POST',
      url: `/webhooks/plaid/${user}`,
      payload: BODY,
      headers: { 'content-type': 'application/json', 'plaid-verification': jwtOf(kid) },
      remoteAddress: from,
    });
  return { ...made, send };
}

test('a flood of forged key ids after a restart costs no true webhook', async () => {
  const { send } = freshApi();
  const statuses = new Map<number, number>();
  for (let index = 0; index < 400; index += 1) {
    const { statusCode } = await send(`forged-${index}`, { from: '10.6.6.6' });
    statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
  }
  expect([...statuses.keys()].sort()).toEqual([401, 503]);
  expect((await send(KID, { from: '52.21.26.131' })).statusCode).toBe(200);
});

test('a key that cannot be looked up now is a 503 that says when to come again, never a 401', async () => {
  const { send } = freshApi(undefined, () => Promise.reject(new Error('Plaid is away')));
  for (const user of ['linked', 'somebody-else']) {
    const response = await send(KID, { user, from: '52.21.26.131' });
    expect(response.statusCode).toBe(503);
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
  }
});

test('keys outlive a restart of the API, and those of the Sandbox do not count elsewhere', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'plaid-keys-'));
  const logger = pino({ level: 'silent' });
  const away = () => Promise.reject(new Error('Plaid is away'));
  const from = '52.21.26.131';
  try {
    const sandbox = () => plaidKeyFile('https://sandbox.plaid.com', logger, folder);
    const written: Promise<void>[] = [];
    const watched: PlaidKeyStore = {
      read: () => sandbox().read(),
      async write(keys) {
        written.push(sandbox().write(keys));
      },
    };
    expect((await freshApi(watched).send(KID, { from })).statusCode).toBe(200);
    await Promise.all(written);
    const [file = '', ...others] = await readdir(folder);
    expect(others).toEqual([]);
    expect((await freshApi(sandbox(), away).send(KID, { from })).statusCode).toBe(200);
    const production = plaidKeyFile('https://production.plaid.com', logger, folder);
    expect((await freshApi(production, away).send(KID, { from })).statusCode).toBe(503);
    const unwritable = plaidKeyFile(
      'https://sandbox.plaid.com',
      logger,
      path.join(folder, file, 'no-folder'),
    );
    expect((await freshApi(unwritable).send(KID, { from })).statusCode).toBe(200);
  } finally {
    await rm(folder, { recursive: true });
  }
});
