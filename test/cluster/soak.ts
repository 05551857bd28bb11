/**
 * `npm run soak -- --minutes 60`: links come and go on the cluster of `npm run test:cluster` while parts of it are killed and
 * restarted, and memory, file descriptors and the database are watched. Prints their slopes; exits 1 where one of them goes on
 * rising, or when a link is lost. Options:
 *
 *   --minutes <n>    60
 *   --lanes <n>      links under way at once (10)
 *   --if-possible    where PostgreSQL or Go is missing, says so and exits 0; else PostgreSQL is installed
 */
import { randomInt } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { memoryMibOf } from '../../bench/process-meter';
import { markdownTable } from '../support/markdown-table';
import { Callers } from './callers';
import { type Cluster, startCluster } from './cluster';
import { missingParts } from './prerequisites';
import { type Reading, type Verdict, verdictOf } from './slopes';
import { buildTemporal } from './temporal-build';
import { composeVersion } from './temporal-cluster';

const SAMPLE_EVERY_MS = 5_000;
const FAULT_EVERY_MS = { from: 15_000, to: 40_000 };
const MIB = 1024 * 1024;
/**
 * Caches and heaps that are full within the first minutes, so that what still rises then is something else. Left to themselves, Node
 * tidies up late where there is memory enough, and Temporal's caches take hours.
 */
const SMALL_CACHES = {
  env: { WORKER_MAX_CACHED_WORKFLOWS: '50', NODE_OPTIONS: '--max-old-space-size=96' },
  dynamicConfig: `
history.hostLevelCacheMaxSize:
  - value: 1000
history.eventsHostLevelCacheMaxSizeBytes:
  - value: ${8 * MIB}
`,
};

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    lanes: { type: 'string', default: '10' },
    'if-possible': { type: 'boolean', default: false },
  },
});
const durationMs = Number(options.minutes) * 60_000;
const lanes = Number(options.lanes);
if (!(durationMs > 0) || !(lanes > 0)) throw new Error('--minutes and --lanes are positive numbers.');

const startedAt = performance.now();
const say = (line: string) =>
  process.stderr.write(`${((performance.now() - startedAt) / 1_000).toFixed(0).padStart(5)} s  ${line}\n`);

/** What is watched: all but the parts that are restarted, whose memory begins anew each time. */
function watched({ temporal, apis, workers }: Cluster): Record<string, () => number> {
  return {
    worker: () => workers[0]?.pid ?? 0,
    API: () => apis[0]?.pid ?? 0,
    'Temporal node': () => temporal.nodes[0]?.pid ?? 0,
  };
}

async function main(): Promise<void> {
  const missing = options['if-possible'] ? await missingParts() : [];
  if (missing.length > 0) {
    process.stdout.write(`not run: the soak, for want of ${missing.join(' and ')}\n`);
    return;
  }
  const build = await buildTemporal(composeVersion());
  const cluster = await startCluster({ build, nodes: 2, apis: 2, workers: 2, ...SMALL_CACHES, log: say });
  try {
    const callers = new Callers(cluster);
    const endMs = performance.now() + durationMs;
    const isOver = () => performance.now() >= endMs;
    const readings = new Map<string, Reading[]>();
    const faults: Record<string, number> = {};
    const bytesBefore = await databaseBytes(cluster);
    let done = 0;

    const lane = async () => {
      while (!isOver()) {
        const userId = await callers.link();
        if (randomInt(3) === 0) await callers.runAgain(userId);
        // One in four stays linked.
        if (randomInt(4) !== 0) await callers.unlink(userId);
        done += 1;
      }
    };
    const disturb = async () => {
      const [, secondNode] = cluster.temporal.nodes;
      const [, secondWorker] = cluster.workers;
      const [, secondApi] = cluster.apis;
      const ways: [string, () => Promise<unknown>][] = [
        ['PostgreSQL restarted', () => cluster.temporal.postgresql.restart('fast')],
        ['PostgreSQL crashed', () => cluster.temporal.postgresql.restart('crash')],
        [
          'Temporal node restarted',
          async () => {
            await secondNode?.stop();
            await secondNode?.start();
          },
        ],
        [
          'worker killed',
          async () => {
            await secondWorker?.kill('SIGKILL');
            await secondWorker?.start();
          },
        ],
        [
          'API restarted',
          async () => {
            await secondApi?.stop();
            await secondApi?.start();
          },
        ],
      ];
      for (let turn = 0; !isOver(); turn++) {
        await sleep(
          Math.min(randomInt(FAULT_EVERY_MS.from, FAULT_EVERY_MS.to), Math.max(0, endMs - performance.now())),
        );
        const way = ways[turn % ways.length];
        if (isOver() || way === undefined) continue;
        const [name, happen] = way;
        await happen();
        faults[name] = (faults[name] ?? 0) + 1;
        say(name);
      }
    };
    const watch = async () => {
      while (!isOver()) {
        const atMs = performance.now();
        const add = (name: string, value: number | undefined) => {
          if (value === undefined || Number.isNaN(value)) return;
          readings.set(name, [...(readings.get(name) ?? []), { atMs, value }]);
        };
        for (const [name, pid] of Object.entries(watched(cluster))) {
          add(`${name}: memory, MiB`, await memoryMibOf([pid()]));
          add(`${name}: file descriptors`, await fileDescriptorsOf(pid()));
        }
        // Which does not answer while it is restarted.
        const bytes = await databaseBytes(cluster).catch(() => undefined);
        if (bytes !== undefined && done > 0) {
          add('database: MiB a thousand links', ((bytes - bytesBefore) / MIB / done) * 1_000);
        }
        await sleep(SAMPLE_EVERY_MS);
      }
    };
    await Promise.all([disturb(), watch(), ...Array.from({ length: lanes }, lane)]);

    const verdicts = [...readings].map(([name, series]) => verdictOf(name, series));
    const happened = Object.entries(faults).map(([name, count]) => `${name} ${count} times`);
    process.stdout.write(`\n${tableOf(verdicts)}\n
${done} links came, none was lost, ${callers.repeated} calls were made again. ${happened.join(', ')}.\n`);
    const rising = verdicts.filter(({ rises }) => rises).map(({ name }) => name);
    if (rising.length > 0) throw new Error(`It goes on rising: ${rising.join(', ')}`);
  } finally {
    await cluster.close();
  }
}

async function databaseBytes({ temporal: { postgresql } }: Cluster): Promise<number> {
  return (await postgresql.sizeOf('temporal')) + (await postgresql.sizeOf('temporal_visibility'));
}

/** Undefined where there is no /proc. */
async function fileDescriptorsOf(pid: number): Promise<number | undefined> {
  return (await readdir(`/proc/${pid}/fd`).catch(() => undefined))?.length;
}

function tableOf(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ name, mean, perHour, rises }) => [
    ...[name, mean.toFixed(1), perHour.toFixed(1)],
    rises ? 'rises' : 'steady',
  ]);
  return markdownTable(['watched', 'mean', 'slope an hour', ''], rows);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
