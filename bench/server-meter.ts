/** What the Temporal server has done: its own counters, and its process's CPU time. */
import { readFile } from 'node:fs/promises';

/** Linux counts CPU time in hundredths of a second, whatever the machine. */
const MS_PER_TICK = 10;
const MIB = 1024 * 1024;
const SAMPLE = /^(\w+)\{(.*)\} ([\d.e+]+)$/;

export interface ServerReading {
  /** Calls that clients and workers made. */
  rpcs: number;
  /** Calls to the database, its visibility store left out. */
  persistence: number;
  visibility: number;
  cpuMs: number | undefined;
}

/** `namespace` limits the RPCs; persistence calls are of the whole server, since some belong to no namespace. */
export async function readServer(metricsUrl: string, pid: number, namespace: string): Promise<ServerReading> {
  const response = await fetch(metricsUrl);
  const reading: ServerReading = { rpcs: 0, persistence: 0, visibility: 0, cpuMs: await cpuMsOf(pid) };
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
    cpuMs: after.cpuMs === undefined || before.cpuMs === undefined ? undefined : after.cpuMs - before.cpuMs,
  };
}

/** Undefined where there is no /proc. */
async function cpuMsOf(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is the command in brackets, which may hold spaces; user and system time are fields 14 and 15.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields && (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/** Resident memory in MiB; undefined where there is no /proc. */
export async function memoryMibOf(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
  return kib === undefined ? undefined : (Number(kib) * 1024) / MIB;
}
