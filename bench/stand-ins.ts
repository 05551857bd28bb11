/**
 * Stands in for Plaid and Atomic: answers at once, over keep-alive connections, and posts the webhook of a
 * job 20 ms after its registration, or when told to. It keeps count by user, so that nothing lost or doubled goes unseen.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { EVENT_TYPE_OF_JOB } from '../src/contract/jobs';
import { ATOMIC_SIGNATURE_HEADER } from '../src/contract/names';
import { ACCOUNT_ID, ATOMIC_SECRET } from './stand-in-data';

const WEBHOOK_DELAY_MS = 20;
/** Atomic tries again for about 90 seconds. */
const WEBHOOK_TRIES = 90;
const WEBHOOK_PAUSE_MS = 1_000;
const ITEM_ID = 'DWVAAPWq4RHGlEaNyGKRTAnPLaEmo8Cvq7na6';
const RESULT = JSON.stringify({
  data: [{ company: { name: 'Bluebird Logistics' }, confidence: 'HIGH' }],
});

interface Seen {
  registrations: number;
  fetches: number;
}

const seen = new Map<string, Seen>();
const held: string[] = [];
let webhookUrl = '';
let holding = false;
let retries = 0;

// Atomic's own concurrency is not known; this many at once is a burst for any receiver.
const agent = new Agent({ keepAlive: true, maxSockets: 200 });

const server = createServer(async (incoming, response) => {
  const body = await textOf(incoming);
  const known = answerTo(`${incoming.method} ${incoming.url}`, body);
  const answer = known ?? '{}';
  response.writeHead(known === undefined ? 404 : 200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(answer),
  });
  response.end(answer);
});

/** Undefined for what no link calls, as a worker does that looks at its prerequisites. */
function answerTo(call: string, body: string): string | undefined {
  const request_id = 'kTzvfLDD7OVqrTK';
  switch (call) {
    case 'POST /item/public_token/exchange':
      return JSON.stringify({
        access_token: `access-sandbox-${randomUUID()}`,
        item_id: ITEM_ID,
        request_id,
      });
    case 'POST /accounts/get':
      return JSON.stringify({
        accounts: [{ account_id: ACCOUNT_ID, mask: '0000', type: 'depository', subtype: 'checking' }],
        item: { item_id: ITEM_ID },
        request_id,
      });
    case 'POST /processor/token/create':
      return JSON.stringify({ processor_token: `processor-sandbox-${randomUUID()}`, request_id });
    case 'POST /plaid/processor-link':
      register(identifierSchema.parse(JSON.parse(body)).identifier);
      return '{"data":{}}';
    default: {
      const userId = /^GET \/employer-matches\/(.+)$/.exec(call)?.[1];
      if (userId === undefined) return undefined;
      of(decodeURIComponent(userId)).fetches += 1;
      return RESULT;
    }
  }
}

const identifierSchema = z.object({ identifier: z.string() });

function of(userId: string): Seen {
  const known = seen.get(userId) ?? { registrations: 0, fetches: 0 };
  seen.set(userId, known);
  return known;
}

function register(userId: string): void {
  of(userId).registrations += 1;
  if (holding) held.push(userId);
  else setTimeout(() => void deliver(userId), WEBHOOK_DELAY_MS);
}

async function deliver(userId: string): Promise<void> {
  const eventType = EVENT_TYPE_OF_JOB['employer-classification'];
  const body = JSON.stringify({
    eventType,
    eventTime: new Date().toISOString(),
    user: { _id: '6afdbe9a5f029efc5ddde24e', identifier: userId },
    data: { job: 'employer-classification' },
  });
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'ce-type': `com.atomicfi.${eventType}`,
    [ATOMIC_SIGNATURE_HEADER]: createHmac('sha256', ATOMIC_SECRET).update(body).digest('hex'),
  };
  for (let attempt = 0; attempt < WEBHOOK_TRIES; attempt++) {
    if ((await post(webhookUrl, headers, body).catch(() => 0)) === 200) return;
    retries += 1;
    await sleep(WEBHOOK_PAUSE_MS);
  }
}

function post(url: string, headers: Record<string, string | number>, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
      response.once('error', reject);
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Answers where it listens. */
export async function listen(): Promise<string> {
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
}

/** Where webhooks go, and whether they are kept back until {@link release}. Forgets all users. */
export function aim(target: { webhookUrl: string; hold: boolean }): void {
  webhookUrl = target.webhookUrl;
  holding = target.hold;
  seen.clear();
  held.length = 0;
  retries = 0;
}

export async function release(): Promise<void> {
  holding = false;
  await Promise.all(held.splice(0).map(deliver));
}

export function count() {
  const users = [...seen.values()];
  return {
    users: users.length,
    registeredOnce: users.filter(({ registrations }) => registrations === 1).length,
    fetchedOnce: users.filter(({ fetches }) => fetches === 1).length,
    doubled: users.filter(({ registrations, fetches }) => registrations > 1 || fetches > 1).length,
    retries,
  };
}

export function close(): void {
  server.close();
  server.closeAllConnections();
  agent.destroy();
}
