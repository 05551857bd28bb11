/** What the Temporal server has done: its own counters, and its process's CPU time. */
import { cpuMsOf } from './process-meter';

const SAMPLE = /^(\w+)\{(.*)\} ([\d.e+]+)$/;

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
  const response = await fetch(metricsUrl);
  const reading: ServerReading = { rpcs: 0, persistence: 0, visibility: 0, cpuMs: await cpuMsOf([pid]) };
  for (const line of (await response.text()).split('\n')) {
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
    const count = Number(value);
    if (name === 'persistence_requests') reading.persistence += count;
    if (name === 'visibility_persistence_requests') reading.visibility += count;
    if (name !== 'service_requests' || !labels.includes('service_name="frontend"')) continue;
    if (labels.includes(`namespace="${namespace}"`)) reading.rpcs += count;
  }
  return reading;
}

export function difference(after: ServerReading, before: ServerReading): ServerReading {
  return {
    rpcs: after.rpcs - before.rpcs,
    persistence: after.persistence - before.persistence,
    visibility: after.visibility - before.visibility,
    cpuMs: after.cpuMs - before.cpuMs,
  };
}
