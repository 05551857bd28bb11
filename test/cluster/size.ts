/**
 * `npm run bench:cluster`: how far the cluster goes on this machine with one, two and four workers, and what a link costs there: a
 * table in Markdown for docs/performance.md, and what follows from it for more links than one machine takes. APIs, workers, Temporal,
 * PostgreSQL, the simulators and the callers share the machine, so that rates are its own; costs of a link are the same anywhere.
 * Takes about 35 minutes on two quiet cores. Options:
 *
 *   --links <n>      at a steady rate, for each number of workers (5,000)
 *   --minutes <n>    at most, of that (10)
 *   --workers <n>    instead of 1, 2 and 4; may be repeated
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { costOfHistory } from '../../bench/history-cost';
import { describeMachine, measureNoise } from '../../bench/noise';
import { workflowIdOf } from '../../src/contract/names';
import { atOnce } from '../faults/support/at-once';
import { markdownTable } from '../support/markdown-table';
import { Callers } from './callers';
import { type Cluster, startCluster } from './cluster';
import { extrapolation, type LinkCost } from './extrapolation';
import { PARTS, type Part, perLink, type Usage, usageOf } from './meter';
import { buildTemporal } from './temporal-build';
import { composeVersion } from './temporal-cluster';

/** Enough to keep every part busy. */
const IN_FLIGHT = 50;
const WARM_UP = 100;
/** Links that show how many a second go at most. */
const BURST = 300;
/** Of the most that go: a rate at which no queue grows. */
const STEADY_SHARE = 0.7;
/** Whose histories are read. */
const SAMPLE = 50;
/** Of a processor, or of all of them, that counts as saturated. */
const SATURATED = 0.9;
const KIB = 1024;

const { values: options } = parseArgs({
  options: {
    links: { type: 'string', default: '5000' },
    minutes: { type: 'string', default: '10' },
    workers: { type: 'string', multiple: true, default: ['1', '2', '4'] },
  },
});
const mostLinks = Number(options.links);
const mostMs = Number(options.minutes) * 60_000;
if (!(mostLinks >= SAMPLE) || !(mostMs > 0))
  throw new Error(`--links is at least ${SAMPLE}, --minutes positive.`);
const say = (line: string) => process.stderr.write(`${line}\n`);

interface Row {
  workers: number;
  /** Links a second, as many as go. */
  limit: number;
  saturates: string;
  links: number;
  /** Links a second while costs and latencies are taken. */
  rate: number;
  p50Ms: number;
  p99Ms: number;
  cpuMs: Record<Part, number>;
  cost: LinkCost;
}

async function main(): Promise<void> {
  const build = await buildTemporal(composeVersion());
  const before = measureNoise();
  const rows: Row[] = [];
  for (const workers of options.workers.map(Number)) {
    rows.push(await measure(build, workers));
    say(tableOf(rows));
  }
  const after = measureNoise();
  const { cpu, cpus, node } = describeMachine();
  const last = rows.at(-1);
  if (last === undefined) return;
  process.stdout.write(`
${cpus} × ${cpu}, Node ${node}, Temporal ${build.version} with 64 shards on PostgreSQL. A fixed piece of work took ${before.probeMs.toFixed(0)} ms before and ${after.probeMs.toFixed(0)} ms
after; the load before was ${before.load.map((one) => one.toFixed(1)).join(', ')}.

${tableOf(rows)}

Extrapolated from the row of ${last.workers} workers:

${extrapolation(last.cost)}\n`);
}

async function measure(build: Parameters<typeof startCluster>[0]['build'], workers: number): Promise<Row> {
  const cluster = await startCluster({ build, nodes: 1, apis: 1, workers, log: say });
  try {
    const callers = new Callers(cluster);
    const crowd = (count: number) => atOnce(IN_FLIGHT, Array.from({ length: count }), () => callers.link());
    await crowd(WARM_UP);
    const start = await usageOf(cluster);
    await crowd(BURST);
    const full = await usageOf(cluster);
    const burstMs = full.atMs - start.atMs;
    const limit = BURST / (burstMs / 1_000);
    const saturates = saturatedFirst(start, full, { workers, links: BURST, burstMs });
    const rate = limit * STEADY_SHARE;
    const links = Math.floor(Math.min(mostLinks, Math.max(SAMPLE, (rate * mostMs) / 1_000)));
    say(
      `${workers} workers: ${limit.toFixed(1)} links a second (${saturates}); now ${links} at ${rate.toFixed(1)}`,
    );

    const warm = callers.latenciesMs.length;
    const before = await usageOf(cluster);
    const users = await steadily(callers, links, rate);
    const after = await usageOf(cluster);
    const latencies = callers.latenciesMs.slice(warm).sort((one, other) => one - other);
    const each = perLink(before, after, links);
    return {
      ...{ workers, limit, saturates, links, rate, cpuMs: each.cpuMs },
      p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? 0,
      p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
      cost: { ...each, ...(await historyCosts(cluster, users.slice(-SAMPLE))) },
    };
  } finally {
    await cluster.close();
  }
}

/** Starts links at a steady rate, however long each takes, and waits for all of them. */
async function steadily(callers: Callers, links: number, rate: number): Promise<string[]> {
  const underWay: Promise<string>[] = [];
  const startedAt = performance.now();
  for (let count = 0; count < links; count++) {
    const link = callers.link();
    // It is awaited below.
    link.catch(() => undefined);
    underWay.push(link);
    await sleep(Math.max(0, startedAt + ((count + 1) * 1_000) / rate - performance.now()));
  }
  return Promise.all(underWay);
}

async function historyCosts(
  { client }: Cluster,
  users: readonly string[],
): Promise<{ actions: number; historyBytes: number }> {
  const costs = await atOnce(10, users, async (userId) =>
    costOfHistory(await client.workflow.getHandle(workflowIdOf(userId)).fetchHistory()),
  );
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
  return {
    actions: mean(costs.map(({ actions }) => actions)),
    historyBytes: mean(costs.map(({ bytes }) => bytes)),
  };
}

/** What has no CPU left while as many links are made as go. */
function saturatedFirst(
  before: Usage,
  after: Usage,
  { workers, links, burstMs }: { workers: number; links: number; burstMs: number },
): string {
  const used = perLink(before, after, links);
  const cores = (cpuMs: number) => (cpuMs * links) / burstMs;
  const { cpus } = describeMachine();
  const shares = PARTS.map((part) => ({ part, cores: cores(used.cpuMs[part]) }));
  if (cores(used.cpuMs.workers) / workers >= SATURATED) return 'workers';
  if (cores(used.cpuMs.APIs) >= SATURATED) return 'API';
  const largest = shares.reduce((one, other) => (other.cores > one.cores ? other : one));
  if (cores(used.busyMs) / cpus >= SATURATED)
    return `the machine, ${largest.part} most: ${largest.cores.toFixed(1)} cores`;
  return 'no CPU: steps and commits are waited for';
}

function tableOf(rows: readonly Row[]): string {
  const head = [
    ...['workers', 'links a second, at most', 'saturated then', 'links', 'at a rate of', 'p50 ms', 'p99 ms'],
    ...PARTS.map((part) => `CPU ms a link, ${part}`),
    ...[
      'persistence calls',
      'rows written',
      'transactions',
      'WAL KiB',
      'database KiB',
      'history KiB',
      'actions',
    ],
  ];
  const lines = rows.map(({ cost, ...row }) => [
    ...[row.workers, row.limit.toFixed(1), row.saturates, row.links, row.rate.toFixed(1)],
    ...[row.p50Ms.toFixed(0), row.p99Ms.toFixed(0)],
    ...PARTS.map((part) => row.cpuMs[part].toFixed(0)),
    ...[
      ...[cost.persistenceCalls, cost.rowsWritten, cost.transactions],
      ...[cost.walBytes, cost.databaseBytes, cost.historyBytes].map((bytes) => bytes / KIB),
      cost.actions,
    ].map((one) => one.toFixed(1)),
  ]);
  return markdownTable(head, lines);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
