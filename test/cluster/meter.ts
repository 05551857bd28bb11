/** What the parts of a cluster have used so far: CPU time, calls to the database, and what was written there. */
import { readdir, readFile } from 'node:fs/promises';
import { cpuMsOf } from '../../bench/process-meter';
import { readServer } from '../../bench/server-meter';
import type { Cluster } from './cluster';

export const PARTS = ['workers', 'APIs', 'Temporal', 'PostgreSQL', 'callers and simulators'] as const;
export type Part = (typeof PARTS)[number];

const DATABASES = ['temporal', 'temporal_visibility'];
const MS_PER_TICK = 10;

export interface Usage {
  atMs: number;
  cpuMs: Record<Part, number>;
  /** Of all processors of the machine, whoever used them. */
  busyMs: number;
  persistenceCalls: number;
  rowsWritten: number;
  transactions: number;
  /** Of PostgreSQL's write-ahead log. */
  walBytes: number;
  databaseBytes: number;
}

export async function usageOf({ temporal, apis, workers }: Cluster): Promise<Usage> {
  const { postgresql, nodes } = temporal;
  const { user, system } = process.cpuUsage();
  const usage: Usage = {
    atMs: performance.now(),
    cpuMs: {
      workers: await cpuMsOf(workers.map(({ pid }) => pid ?? 0)),
      APIs: await cpuMsOf(apis.map(({ pid }) => pid ?? 0)),
      Temporal: await cpuMsOf(nodes.map(({ pid }) => pid)),
      PostgreSQL: await cpuMsOfFamily(postgresql.pid()),
      'callers and simulators': (user + system) / 1_000,
    },
    busyMs: await busyMs(),
    ...{ persistenceCalls: 0, rowsWritten: 0, transactions: 0, databaseBytes: 0 },
    walBytes: Number(await postgresql.query('postgres', "SELECT pg_current_wal_insert_lsn() - '0/0'")),
  };
  for (const { metricsUrl, pid } of nodes) {
    usage.persistenceCalls += (await readServer(metricsUrl, pid, temporal.namespace)).persistence;
  }
  for (const database of DATABASES) {
    const count = async (sql: string) => Number(await postgresql.query(database, sql));
    usage.rowsWritten += await count(
      'SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables',
    );
    usage.transactions += await count(
      'SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()',
    );
    usage.databaseBytes += await postgresql.sizeOf(database);
  }
  return usage;
}

/** What was used between two readings, by `links` links: each figure is that of one link. */
export function perLink(before: Usage, after: Usage, links: number): Omit<Usage, 'atMs'> {
  const each = (value: (usage: Usage) => number) => (value(after) - value(before)) / links;
  return {
    cpuMs: {
      workers: each(({ cpuMs }) => cpuMs.workers),
      APIs: each(({ cpuMs }) => cpuMs.APIs),
      Temporal: each(({ cpuMs }) => cpuMs.Temporal),
      PostgreSQL: each(({ cpuMs }) => cpuMs.PostgreSQL),
      'callers and simulators': each(({ cpuMs }) => cpuMs['callers and simulators']),
    },
    busyMs: each(({ busyMs: all }) => all),
    persistenceCalls: each(({ persistenceCalls }) => persistenceCalls),
    rowsWritten: each(({ rowsWritten }) => rowsWritten),
    transactions: each(({ transactions }) => transactions),
    walBytes: each(({ walBytes }) => walBytes),
    databaseBytes: each(({ databaseBytes }) => databaseBytes),
  };
}

/** A session of PostgreSQL is a process of its own; the time of those that have ended is counted with their parent's. */
export async function cpuMsOfFamily(parent: number): Promise<number> {
  let ticks = 0;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    // After the command in brackets: state, parent, …, user and system time, and the same of children that have ended.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15).map(Number);
    if (Number(name) === parent) ticks += user + system + childrenUser + childrenSystem;
    if (Number(fields[1]) === parent) ticks += user + system;
  }
  return ticks * MS_PER_TICK;
}

async function busyMs(): Promise<number> {
  const [total = ''] = (await readFile('/proc/stat', 'utf8')).split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = total.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softIrq) * MS_PER_TICK;
}
