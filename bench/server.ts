/** The Temporal server under all applications of a run. */
import { homedir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheFolder } from '../src/dev-server/cache-folder';
import { findTemporalServer } from '../src/dev-server/temporal-server';
import { cpuMsOfFamily } from '../test/cluster/meter';
import { buildTemporal } from '../test/cluster/temporal-build';
import { composeVersion, startTemporalCluster } from '../test/cluster/temporal-cluster';
import { startMeteredServer } from './metered-server';
import { memoryMibOf } from './process-meter';
import { readServer, type ServerReading } from './server-meter';

/** `dev` is the dev server, in memory; `postgresql` one node of Temporal's server with PostgreSQL, whose CPU counts too. */
export const SERVERS = ['dev', 'postgresql'] as const;
export type ServerKind = (typeof SERVERS)[number];

export interface BenchServer {
  address: string;
  read(namespace: string): Promise<ServerReading>;
  /** Without the database's. */
  memoryMib(): Promise<number>;
  stop(): Promise<unknown>;
}

/** A server publishes its counters once a second. */
const PUBLISHED_AFTER_MS = 1_200;

type Log = (line: string) => void;

export function startServer(kind: ServerKind, log: Log): Promise<BenchServer> {
  return kind === 'dev' ? inMemory(log) : onPostgreSql(log);
}

async function inMemory(log: Log): Promise<BenchServer> {
  const serverPath = await findTemporalServer({
    path: process.env.PATH ?? '',
    cacheDir: cacheFolder({ home: homedir(), xdgCacheHome: process.env.XDG_CACHE_HOME }),
    log,
  });
  const { address, metricsUrl, pid, stop } = await startMeteredServer({ serverPath });
  return {
    address,
    async read(namespace) {
      await sleep(PUBLISHED_AFTER_MS);
      return readServer(metricsUrl, pid, namespace);
    },
    memoryMib: () => memoryMibOf([pid]),
    stop,
  };
}

async function onPostgreSql(log: Log): Promise<BenchServer> {
  const build = await buildTemporal(composeVersion());
  const { address, nodes, postgresql, close } = await startTemporalCluster({ nodes: 1, build, log });
  const [node] = nodes;
  if (!node) throw new Error('The cluster has no node.');
  return {
    address,
    async read(namespace) {
      await sleep(PUBLISHED_AFTER_MS);
      const reading = await readServer(node.metricsUrl, node.pid, namespace);
      return { ...reading, cpuMs: reading.cpuMs + (await cpuMsOfFamily(postgresql.pid())) };
    },
    memoryMib: () => memoryMibOf([node.pid]),
    stop: close,
  };
}
