/** CPU time and memory of a process, as Linux counts them; NaN where there is no /proc. */
import { readFile } from 'node:fs/promises';

/** Linux counts CPU time in hundredths of a second, whatever the machine. */
const MS_PER_TICK = 10;
const MIB = 1024 * 1024;

/** Milliseconds since the process began. */
export interface CpuTime {
  userMs: number;
  systemMs: number;
}

export async function cpuTimeOf(pid: number): Promise<CpuTime> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the command in brackets, which may hold spaces; user and system time are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { userMs: Number(fields[11]) * MS_PER_TICK, systemMs: Number(fields[12]) * MS_PER_TICK };
}

/** User and system time of all of them together. */
export async function cpuMsOf(pids: readonly number[]): Promise<number> {
  const times = await Promise.all(pids.map(cpuTimeOf));
  return times.reduce((sum, { userMs, systemMs }) => sum + userMs + systemMs, 0);
}

/** Resident memory of all of them together, MiB. */
export async function memoryMibOf(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / MIB;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
