/** The webhook receiver under load, beside bare Fastify, with signatures that are right and with forged ones. */
import { createHmac } from 'node:crypto';
import autocannon from 'autocannon';
import { z } from 'zod';
import { EVENT_TYPE_OF_JOB } from '../src/contract/jobs';
import { ATOMIC_CE_TYPE_PREFIX, ATOMIC_SIGNATURE_HEADER } from '../src/contract/names';
import { startChild } from './child';
import { cpuTimeOf } from './process-meter';
import { ATOMIC_SECRET } from './stand-in-data';

const CONNECTIONS = 50;
const WARM_UP_SECONDS = 2;
const EVENT_TYPE = EVENT_TYPE_OF_JOB['employer-classification'];

/** Requests a second, CPU and latency of one receiver in one round; the CPU is of the receiver's process. */
export interface ReceiverFigures {
  what: 'bare' | 'bare, forged' | 'product' | 'product, forged';
  round: number;
  requestsPerSecond: number;
  userMicroseconds: number;
  systemMicroseconds: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers of another status than the one to be expected. */
  unexpected: number;
}

interface Shot {
  what: ReceiverFigures['what'];
  pid: number;
  url: string;
  requests: autocannon.Request[];
  /** Those that are to be expected; 429 once an address has sent too many forged ones. */
  statuses: readonly (200 | 401 | 429)[];
}

export async function runReceiver({
  build,
  rounds,
  seconds,
  profileFolder,
}: {
  build: string;
  rounds: number;
  seconds: number;
  profileFolder?: string;
}): Promise<ReceiverFigures[]> {
  const profile = profileFolder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileFolder];
  const bare = startChild(build, 'receiver-process.js', profile);
  const product = startChild(build, 'receiver-process.js', profile);
  try {
    const bareAt = { pid: bare.pid, url: await bare.call('listen', z.string(), 'bare') };
    const productAt = { pid: product.pid, url: await product.call('listen', z.string(), 'product') };
    const valid = [webhookOf('user-1', ATOMIC_SECRET)];
    const forged = [webhookOf('user-1', 'not the secret')];
    const shots: Shot[] = [
      { what: 'bare', ...bareAt, requests: valid, statuses: [200] },
      { what: 'product', ...productAt, requests: valid, statuses: [200] },
      { what: 'bare, forged', ...bareAt, requests: forged, statuses: [401, 429] },
      { what: 'product, forged', ...productAt, requests: forged, statuses: [401, 429] },
    ];
    for (const shot of shots) await fire(shot, WARM_UP_SECONDS);
    const figures: ReceiverFigures[] = [];
    for (let round = 1; round <= rounds; round++) {
      // In turn, and back again in the next round, so that a drift of the machine favours nobody.
      for (const shot of round % 2 === 1 ? shots : shots.toReversed()) {
        figures.push({ what: shot.what, round, ...(await fire(shot, seconds)) });
      }
    }
    return figures;
  } finally {
    await Promise.all([bare.stop(), product.stop()]);
  }
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
  const { pid, url, requests, statuses } = shot;
  const before = await cpuTimeOf(pid);
  const result = await autocannon({ url, requests, connections: CONNECTIONS, duration: seconds });
  const after = await cpuTimeOf(pid);
  const answered = result.requests.total;
  const counts = statuses.map((status) => Number(result.statusCodeStats?.[`${status}`]?.count ?? 0));
  const expected = counts.reduce((sum, count) => sum + count, 0);
  return {
    requestsPerSecond: answered / result.duration,
    userMicroseconds: ((after.userMs - before.userMs) * 1_000) / answered,
    systemMicroseconds: ((after.systemMs - before.systemMs) * 1_000) / answered,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    unexpected: answered - expected + result.errors,
  };
}
