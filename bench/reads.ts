/** Callers who poll: so many reads a second of links that wait, and what a read costs the service and Temporal. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { z } from 'zod';
import { countSchema } from './answers';
import { costOfHistory } from './history-cost';
import { cpuMsOf } from './process-meter';
import { difference } from './server-meter';
import type { Contender, Stage } from './stage';
import { percentile } from './statistics';

const PREFIX = 'read';
const DEADLINE_MS = 120_000;

/** Of one round; counts and CPU are of a read. */
export interface ReadFigures {
  links: number;
  readsPerSecond: number;
  reads: number;
  failed: number;
  p50Ms: number;
  p99Ms: number;
  appCpuMs: number;
  serverCpuMs: number;
  rpcs: number;
  persistence: number;
  /** Events that a link's history has grown by, all reads together. */
  eventsAdded: number;
}

export async function runReads(
  stage: Stage,
  {
    links,
    readsPerSecond,
    seconds,
    rounds,
  }: Record<'links' | 'readsPerSecond' | 'seconds' | 'rounds', number>,
): Promise<ReadFigures[]> {
  const app = await stage.startContender('built');
  const { api } = app;
  if (!api) throw new Error('The built service has no API.');
  const pool = new Pool(api.url, { connections: 50 });
  try {
    await stage.providers.call('aim', z.undefined(), { webhookUrl: app.webhookUrl, hold: true });
    for (let link = 1; link <= links; link++) await start(pool, api.key, `${PREFIX}-${link}`);
    await untilRegistered(stage, links);
    const load = { pool, key: api.key, links, readsPerSecond };
    await readFor({ ...load, seconds: 2 });
    const figures: ReadFigures[] = [];
    for (let round = 1; round <= rounds; round++) {
      const events = await eventsOf(app);
      const before = await stage.readServer(app.namespace);
      const cpuBefore = await cpuMsOf(app.pids);
      const { latencies, failed } = await readFor({ ...load, seconds });
      const cpuMs = (await cpuMsOf(app.pids)) - cpuBefore;
      const server = difference(await stage.readServer(app.namespace), before);
      const reads = latencies.length;
      figures.push({
        links,
        readsPerSecond,
        reads,
        failed,
        p50Ms: percentile(latencies, 0.5),
        p99Ms: percentile(latencies, 0.99),
        appCpuMs: cpuMs / reads,
        serverCpuMs: server.cpuMs / reads,
        rpcs: server.rpcs / reads,
        persistence: server.persistence / reads,
        eventsAdded: (await eventsOf(app)) - events,
      });
    }
    return figures;
  } finally {
    await pool.close();
    await app.stop();
  }
}

interface ReadLoad {
  pool: Pool;
  key: string;
  links: number;
  readsPerSecond: number;
  seconds: number;
}

/** One read after the other at even intervals, whether or not those before have been answered. */
async function readFor({ pool, key, links, readsPerSecond, seconds }: ReadLoad) {
  const latencies: number[] = [];
  let failed = 0;
  const read = async (index: number) => {
    const startedMs = performance.now();
    const path = `/v1/links/${PREFIX}-${(index % links) + 1}`;
    const answer = await pool.request({ method: 'GET', path, headers: { authorization: `Bearer ${key}` } });
    await answer.body.text();
    latencies.push(performance.now() - startedMs);
    if (answer.statusCode !== 200) failed += 1;
  };
  const reads: Promise<void>[] = [];
  const beganMs = performance.now();
  for (let index = 0; index < readsPerSecond * seconds; index++) {
    const dueMs = beganMs + (index * 1_000) / readsPerSecond;
    if (dueMs > performance.now()) await sleep(dueMs - performance.now());
    reads.push(read(index));
  }
  await Promise.all(reads);
  return { latencies, failed };
}

async function start(pool: Pool, key: string, userId: string): Promise<void> {
  const answer = await pool.request({
    method: 'POST',
    path: '/v1/links',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      userId,
      publicToken: `public-sandbox-${userId}`,
      jobs: ['employer-classification'],
    }),
  });
  await answer.body.text();
}

async function untilRegistered(stage: Stage, links: number): Promise<void> {
  for (const endMs = Date.now() + DEADLINE_MS; Date.now() < endMs; await sleep(250)) {
    if ((await stage.providers.call('count', countSchema)).registeredOnce === links) return;
  }
  throw new Error('Not every link was registered.');
}

async function eventsOf({ client, workflowIdOf }: Contender): Promise<number> {
  return costOfHistory(await client.workflow.getHandle(workflowIdOf(`${PREFIX}-1`)).fetchHistory()).events;
}
