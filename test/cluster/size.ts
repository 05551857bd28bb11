/**
 * `npm run bench:cluster`: how far the cluster goes on this machine with one, two and four workers, and what a link costs there: a
 * table in Markdown for docs/performance.md. APIs, workers, Temporal, PostgreSQL, the simulators and the callers share the machine, so
 * that rates are its own; costs of a link are the same anywhere. Options:
 *
 *   --links <n>      of each measurement (1,000)
 *   --workers <n>    instead of 1, 2 and 4; may be repeated
 */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { describeMachine } from '../../bench/noise';
import { cpuMsOf } from '../../bench/process-meter';
import { readServer } from '../../bench/server-meter';
import { atOnce } from '../faults/support/at-once';
import { markdownTable } from '../support/markdown-table';
import { Callers } from './callers';
import { type Cluster, startCluster } from './cluster';
import { buildTemporal } from './temporal-build';
import { composeVersion } from './temporal-cluster';

/** Enough to keep every part busy. */
const IN_FLIGHT = 50;
/** Of the limit, at which latencies are taken. */
const STEADY_SHARE = 0.6;
const WARM_UP = 50;
const KIB = 1024;

const { values: options } = parseArgs({
  options: {
    links: { type: 'string', default: '1000' },
    workers: { type: 'string', multiple: true, default: ['1', '2', '4'] },
  },
});
const links = Number(options.links);

type Part = 'workers' | 'APIs' | 'Temporal' | 'PostgreSQL' | 'callers and simulators';

interface Row {
  workers: number;
  /** Links a second, as many as go. */
  limit: number;
  p50Ms: number;
  p99Ms: number;
  cpuMsPerLink: Record<Part, number>;
  persistenceCallsPerLink: number;
  rowsWrittenPerLink: number;
  databaseKibPerLink: number;
}

async function main(): Promise<void> {
  const build = await buildTemporal(composeVersion());
  const rows: Row[] = [];
  for (const workers of options.workers.map(Number)) rows.push(await measure(build, workers));
  const { cpu, cpus, node } = describeMachine();
  process.stdout.write(
    `\n${cpus} × ${cpu}, Node ${node}, Temporal ${build.version}, ${links} links a measurement\n\n${tableOf(rows)}\n`,
  );
}

async function measure(build: Parameters<typeof startCluster>[0]['build'], workers: number): Promise<Row> {
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const cluster = await startCluster({ build, nodes: 1, apis: 1, workers, log });
  try {
    const callers = new Callers(cluster);
    const crowd = (count: number) => atOnce(IN_FLIGHT, Array.from({ length: count }), () => callers.link());
    await crowd(WARM_UP);
    const before = await read(cluster);
    const startedAt = performance.now();
    await crowd(links);
    const limit = links / ((performance.now() - startedAt) / 1_000);
    const after = await read(cluster);
    log(`${workers} workers: ${limit.toFixed(1)} links a second`);

    const warm = callers.latenciesMs.length;
    const pauseMs = 1_000 / (limit * STEADY_SHARE);
    const underWay: Promise<string>[] = [];
    const steadyAt = performance.now();
    for (let count = 0; count < links; count++) {
      underWay.push(callers.link());
      await sleep(Math.max(0, steadyAt + (count + 1) * pauseMs - performance.now()));
    }
    await Promise.all(underWay);
    const latencies = callers.latenciesMs.slice(warm).sort((one, other) => one - other);
    const each = (value: (reading: Reading) => number) => (value(after) - value(before)) / links;
    return {
      workers,
      limit,
      p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? 0,
      p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
      cpuMsPerLink: {
        workers: each(({ cpuMs }) => cpuMs.workers),
        APIs: each(({ cpuMs }) => cpuMs.APIs),
        Temporal: each(({ cpuMs }) => cpuMs.Temporal),
        PostgreSQL: each(({ cpuMs }) => cpuMs.PostgreSQL),
        'callers and simulators': each(({ cpuMs }) => cpuMs['callers and simulators']),
      },
      persistenceCallsPerLink: each(({ persistence }) => persistence),
      rowsWrittenPerLink: each(({ rowsWritten }) => rowsWritten),
      databaseKibPerLink: each(({ databaseBytes }) => databaseBytes) / KIB,
    };
  } finally {
    await cluster.close();
  }
}

interface Reading {
  cpuMs: Record<Part, number>;
  persistence: number;
  rowsWritten: number;
  databaseBytes: number;
}

async function read({ temporal, apis, workers }: Cluster): Promise<Reading> {
  const { postgresql, nodes } = temporal;
  const { user, system } = process.cpuUsage();
  let persistence = 0;
  for (const { metricsUrl, pid } of nodes) {
    persistence += (await readServer(metricsUrl, pid, temporal.namespace)).persistence;
  }
  let [rowsWritten, databaseBytes] = [0, 0];
  for (const database of ['temporal', 'temporal_visibility']) {
    const sql = 'SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables';
    rowsWritten += Number(await postgresql.query(database, sql));
    databaseBytes += await postgresql.sizeOf(database);
  }
  return {
    cpuMs: {
      workers: await cpuMsOf(workers.map(({ pid }) => pid ?? 0)),
      APIs: await cpuMsOf(apis.map(({ pid }) => pid ?? 0)),
      Temporal: await cpuMsOf(nodes.map(({ pid }) => pid)),
      PostgreSQL: await cpuMsOf([postgresql.pid(), ...(await childrenOf(postgresql.pid()))]),
      'callers and simulators': (user + system) / 1_000,
    },
    persistence,
    rowsWritten,
    databaseBytes,
  };
}

/** A session of PostgreSQL is a process of its own; one that has ended takes its CPU time with it. */
async function childrenOf(parent: number): Promise<number[]> {
  const children: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent) children.push(Number(name));
  }
  return children;
}

function tableOf(rows: readonly Row[]): string {
  const parts: readonly Part[] = ['workers', 'APIs', 'Temporal', 'PostgreSQL', 'callers and simulators'];
  const head = [
    ...['workers', 'links a second, at most', `p50 ms at ${STEADY_SHARE * 100} %`, 'p99 ms'],
    ...parts.map((part) => `CPU ms a link, ${part}`),
    ...['persistence calls a link', 'rows written a link', 'database KiB a link'],
  ];
  const lines = rows.map((row) => [
    ...[row.workers, row.limit.toFixed(1), row.p50Ms.toFixed(0), row.p99Ms.toFixed(0)],
    ...parts.map((part) => row.cpuMsPerLink[part].toFixed(0)),
    ...[row.persistenceCallsPerLink, row.rowsWrittenPerLink, row.databaseKibPerLink].map((one) =>
      one.toFixed(1),
    ),
  ]);
  return markdownTable(head, lines);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
