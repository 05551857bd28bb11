/** Many links that wait, and all their webhooks at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { countSchema, memorySchema } from './answers';
import { cpuMsOf } from './process-meter';
import type { Contender, Stage } from './stage';

const STARTS_AT_ONCE = 50;
const WARM_UP_LINKS = 100;
const DEADLINE_MS = 15 * 60_000;

/** Memory in MiB. */
export interface WaitingFigures {
  links: number;
  maxCachedWorkflows: number | undefined;
  startedPerSecond: number;
  idleRssMib: number;
  waitingRssMib: number;
  /** While they wait, above idle. */
  aboveIdleMib: number;
  heapAboveIdleMib: number;
  afterDrainRssMib: number;
  drainSeconds: number;
  drainedPerSecond: number;
  appCpuMsPerDrainedLink: number;
  /** Deliveries that the receiver put off, or that broke. */
  webhookRetries: number;
  lost: number;
  doubled: number;
}

/** In a process of its own, so that idle means idle. */
export async function runWaiting(
  stage: Stage,
  links: number,
  maxCachedWorkflows?: number,
): Promise<WaitingFigures> {
  const { providers } = stage;
  const app = await stage.startContender('product', { maxCachedWorkflows });
  const { child, webhookUrl, pids } = app;
  try {
    const prefix = `waiting-${links}-${child.pid}`;
    await providers.call('aim', z.undefined(), { webhookUrl, hold: false });
    await child.call('loop', z.unknown(), { prefix: `warm-${prefix}`, inFlight: 10, links: WARM_UP_LINKS });
    await sleep(1_000);
    const idle = await child.call('memory', memorySchema);

    await providers.call('aim', z.undefined(), { webhookUrl, hold: true });
    const startedMs = performance.now();
    await child.call('startMany', z.undefined(), { prefix, count: links, inFlight: STARTS_AT_ONCE });
    await until(async () => {
      const { registeredOnce, doubled } = await providers.call('count', countSchema);
      return registeredOnce + doubled === links;
    });
    const startSeconds = (performance.now() - startedMs) / 1_000;
    await until(async () => (await countIn(app, 'waiting', prefix)) === links);
    const waiting = await child.call('memory', memorySchema);

    const cpuBefore = await cpuMsOf(pids);
    const releasedMs = performance.now();
    const delivered = providers.call('release', z.undefined());
    await child.call('allFinished', z.undefined());
    await delivered;
    const drainSeconds = (performance.now() - releasedMs) / 1_000;
    await until(async () => (await countIn(app, 'linked', prefix)) === links);
    const cpuMs = (await cpuMsOf(pids)) - cpuBefore;
    const seen = await providers.call('count', countSchema);
    const after = await child.call('memory', memorySchema);
    return {
      links,
      maxCachedWorkflows,
      startedPerSecond: links / startSeconds,
      idleRssMib: idle.rss,
      waitingRssMib: waiting.rss,
      aboveIdleMib: waiting.rss - idle.rss,
      heapAboveIdleMib: waiting.heapUsed - idle.heapUsed,
      afterDrainRssMib: after.rss,
      drainSeconds,
      drainedPerSecond: links / drainSeconds,
      appCpuMsPerDrainedLink: cpuMs / links,
      webhookRetries: seen.retries,
      lost: links - (await countIn(app, 'linked', prefix)),
      doubled: seen.doubled,
    };
  } finally {
    await app.stop();
  }
}

async function countIn({ client }: Contender, state: string, prefix: string): Promise<number> {
  const query = `LinkState = '${state}' AND WorkflowId STARTS_WITH 'processor-link/${prefix}'`;
  return (await client.workflow.count(query)).count;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + DEADLINE_MS; Date.now() < endMs; await sleep(250)) {
    if (await isSo()) return;
  }
  throw new Error('Some of the waiting links got lost.');
}
