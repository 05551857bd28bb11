/** What the Temporal server has done: its own counters, and its process's CPU time. */
import { cpuMsOf } from './process-meter';

const SAMPLE = /^(\w+)\{(.*)\} ([\d.e+]+)$/;
const LABEL = /(\w+)="([^"]*)"/g;

/** Calls by their name. */
export type Calls = Record<string, number>;

export interface ServerCalls {
  /** Calls that clients and workers made in the namespace, without polls that came back with nothing. */
  rpcs: Calls;
  /** Calls to the database for the namespace's sake, its visibility store left out. */
  persistence: Calls;
  /** Calls to the visibility store, of all namespaces: they do not say which. */
  visibility: Calls;
  /** Calls to the database that belong to no namespace or to another one. */
  otherPersistence: number;
}

export interface ServerReading {
  /** Calls that clients and workers made. */
  rpcs: number;
  /** Calls to the database, its visibility store left out. */
  persistence: number;
  visibility: number;
  cpuMs: number;
}

/** `namespace` limits the RPCs; persistence calls are of the whole server, since some belong to no namespace. */
export async function readServer(metricsUrl: string, pid: number, namespace: string): Promise<ServerReading> {
  const { rpcs, persistence, otherPersistence, visibility } = await readCalls(metricsUrl, namespace);
  return {
    rpcs: sumOf(rpcs),
    persistence: sumOf(persistence) + otherPersistence,
    visibility: sumOf(visibility),
    cpuMs: await cpuMsOf([pid]),
  };
}

/** As they were published last. */
export async function readCalls(metricsUrl: string, namespace: string): Promise<ServerCalls> {
  const response = await fetch(metricsUrl);
  const calls: ServerCalls = { rpcs: {}, persistence: {}, visibility: {}, otherPersistence: 0 };
  for (const line of (await response.text()).split('\n')) {
    const [, name, text = '', value] = SAMPLE.exec(line) ?? [];
    const count = Number(value);
    const labels = new Map([...text.matchAll(LABEL)].map(([, label = '', is = '']) => [label, is]));
    const isOurs = labels.get('namespace') === namespace;
    const operation = labels.get('operation') ?? '';
    if (name === 'persistence_requests' && isOurs) add(calls.persistence, operation, count);
    if (name === 'persistence_requests' && !isOurs) calls.otherPersistence += count;
    if (name === 'visibility_persistence_requests') add(calls.visibility, operation, count);
    if (name === 'poll_timeouts' && isOurs)
      add(calls.rpcs, `Poll${labels.get('task_type')}TaskQueue`, -count);
    if (name === 'service_requests' && isOurs && labels.get('service_name') === 'frontend')
      add(calls.rpcs, operation, count);
  }
  return calls;
}

function sumOf(calls: Calls): number {
  return Object.values(calls).reduce((sum, count) => sum + count, 0);
}

function add(calls: Calls, name: string, count: number): void {
  calls[name] = (calls[name] ?? 0) + count;
}

export function difference(after: ServerReading, before: ServerReading): ServerReading {
  return {
    rpcs: after.rpcs - before.rpcs,
    persistence: after.persistence - before.persistence,
    visibility: after.visibility - before.visibility,
    cpuMs: after.cpuMs - before.cpuMs,
  };
}
