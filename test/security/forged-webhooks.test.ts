import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, type Connection } from '@temporalio/client';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { Registry } from 'prom-client';
import { workflowIdOf } from '../../src/contract/names';
import { createDataConverter } from '../../src/encryption/data-converter';
import { parseKeyRing } from '../../src/encryption/key-ring';
import { createApp } from '../../src/http/api/app';
import { LinkClient } from '../../src/link-client/link-client';
import { plaidVerifierOf } from '../../src/process/wiring';
import { createPlaid } from '../../src/providers/plaid/client';
import { type PlaidSimulator, startPlaidSimulator } from '../../src/simulators';
import { connectTemporal } from '../../src/temporal/connection';
import { realServer } from '../support/temporal';
import { FORGERIES, type Forgery, type Target } from './support/forgeries';

jest.setTimeout(240_000);

const HOW_MANY = 10_000;
const AT_ONCE = 40;

const atomicSecret = randomBytes(20).toString('hex');
const userId = `user-${randomUUID()}`;

let connection: Connection;
let temporal: Client;
let links: LinkClient;
let plaid: PlaidSimulator;
let app: FastifyInstance;
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
  const { address, namespace } = await realServer();
  connection = await connectTemporal({ connectConfig: { connectionOptions: { address } }, lazy: false });
  const keyRing = parseKeyRing(`k1:${randomBytes(32).toString('base64')}`);
  const dataConverter = createDataConverter({ keyRing, namespace });
  temporal = new Client({ connection, namespace, dataConverter });
  links = new LinkClient({
    client: new Client({ connection: counted(connection), namespace, dataConverter }),
    keyRing,
    taskQueue: `nobody-${randomUUID()}`,
  });
  plaid = await startPlaidSimulator({ clientId: 'client', secret: 'plaid-secret' });
  const provider = createPlaid({ clientId: 'client', secret: 'plaid-secret', baseUrl: plaid.url });
  app = createApp({
    plaidEnvironment: 'sandbox',
    links,
    createLinkToken: (options, call) => provider.createLinkToken(options, call),
    publicUrl: 'https://links.example.com',
    apiKeys: () => [{ name: 'backend', key: randomUUID() }],
    atomicWebhookSecrets: () => [atomicSecret],
    verifyPlaidWebhook: plaidVerifierOf(provider),
    logger: pino({ level: 'debug' }, { write: () => undefined }),
    metrics: new Registry(),
    // Tests share their processor, and being busy is not what is asked about here. Nor is the limit of refusals: each of
    // the forgeries is to be judged.
    limits: { maxEventLoopDelayMs: 0, refusalsPerMinutePerAddress: 0 },
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
  await app.close();
  await temporal.workflow.getHandle(workflowIdOf(userId)).terminate();
  await links.close();
  await connection.close();
  await plaid.close();
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
  const { historyLength: length } = await temporal.workflow.getHandle(workflowIdOf(userId)).describe();
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
