/** The webhook receiver under load: beside bare Fastify, with forged requests, and with Temporal behind it. */
import { createHmac } from 'node:crypto';
import autocannon from 'autocannon';
import { z } from 'zod';
import { EVENT_TYPE_OF_JOB } from '../src/contract/jobs';
import { ATOMIC_CE_TYPE_PREFIX, ATOMIC_SIGNATURE_HEADER } from '../src/contract/names';
import { type Child, startChild } from './child';
import type { Stage } from './stage';
import { ATOMIC_SECRET } from './stand-in-data';

const CONNECTIONS = 50;
const LINKED_USERS = 200;
const EVENT_TYPE = EVENT_TYPE_OF_JOB['employer-classification'];

/** Requests a second, CPU and latency of one receiver in one round; the CPU is of the receiver's process. */
export interface ReceiverFigures {
  what: 'bare' | 'bare, forged' | 'verified' | 'verified, forged' | 'with Temporal';
  round: number;
  requestsPerSecond: number;
  cpuMicrosecondsPerRequest: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers of another status than the one to be expected. */
  unexpected: number;
}

interface Shot {
  what: ReceiverFigures['what'];
  child: Child;
  url: string;
  requests: autocannon.Request[];
  status: 200 | 401;
}

export async function runReceiver(
  stage: Stage,
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<ReceiverFigures[]> {
  const bare = startChild('receiver-process.ts', ['bare']);
  const verified = startChild('receiver-process.ts', ['verified']);
  const product = await stage.startContender('product');
  try {
    const bareUrl = await bare.call('listen', z.string());
    const verifiedUrl = await verified.call('listen', z.string());
    const users = await linkUsers(stage, product);
    const one = [webhookOf('user-1', ATOMIC_SECRET)];
    const forged = [webhookOf('user-1', 'not the secret')];
    const linked = users.map((userId) => webhookOf(userId, ATOMIC_SECRET));
    const shots: Shot[] = [
      { what: 'bare', child: bare, url: bareUrl, requests: one, status: 200 },
      { what: 'verified', child: verified, url: verifiedUrl, requests: one, status: 200 },
      { what: 'bare, forged', child: bare, url: bareUrl, requests: forged, status: 401 },
      { what: 'verified, forged', child: verified, url: verifiedUrl, requests: forged, status: 401 },
      { what: 'with Temporal', child: product.child, url: product.webhookUrl, requests: linked, status: 200 },
    ];
    for (const shot of shots) await fire(shot, 1);
    const figures: ReceiverFigures[] = [];
    for (let round = 1; round <= rounds; round++) {
      // In turn, and back again in the next round, so that a drift of the machine favours nobody.
      for (const shot of round % 2 === 1 ? shots : shots.toReversed()) {
        figures.push({ what: shot.what, round, ...(await fire(shot, seconds)) });
      }
    }
    return figures;
  } finally {
    await Promise.all([bare.stop(), verified.stop(), product.child.stop()]);
  }
}

/** Links users, so that further webhooks for them are known bodies: each costs its signal and no more. */
async function linkUsers(
  stage: Stage,
  { child, webhookUrl }: { child: Child; webhookUrl: string },
): Promise<string[]> {
  const prefix = 'receiver';
  await stage.providers.call('aim', z.undefined(), { webhookUrl, hold: false });
  await child.call('startMany', z.undefined(), { prefix, count: LINKED_USERS, inFlight: 20 });
  await child.call('allFinished', z.undefined());
  return Array.from({ length: LINKED_USERS }, (_, index) => `${prefix}-${index + 1}`);
}

function webhookOf(userId: string, secret: string): autocannon.Request {
  const body = JSON.stringify({
    eventType: EVENT_TYPE,
    eventTime: '2026-11-18T15:07:36.412Z',
    user: { _id: '6afdbe9a5f029efc5ddde24e', identifier: userId },
    data: { processorLink: '6afdbe9d699a7414ef5b4f80', job: 'employer-classification' },
  });
  return {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'ce-type': `${ATOMIC_CE_TYPE_PREFIX}${EVENT_TYPE}`,
      [ATOMIC_SIGNATURE_HEADER]: createHmac('sha256', secret).update(body).digest('hex'),
    },
  };
}

async function fire(shot: Shot, seconds: number): Promise<Omit<ReceiverFigures, 'what' | 'round'>> {
  const { child, url, requests, status } = shot;
  const before = await child.call('cpuMs', z.number());
  const result = await autocannon({ url, requests, connections: CONNECTIONS, duration: seconds });
  const cpuMs = (await child.call('cpuMs', z.number())) - before;
  const answered = result.requests.total;
  const expected = Number(result.statusCodeStats?.[`${status}`]?.count ?? 0);
  return {
    requestsPerSecond: answered / result.duration,
    cpuMicrosecondsPerRequest: (cpuMs * 1_000) / answered,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    unexpected: answered - expected + result.errors,
  };
}
