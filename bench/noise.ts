/** How quiet the machine is: the same work, timed before and after, and its load. */
import { createHash } from 'node:crypto';
import { availableParallelism, cpus, loadavg } from 'node:os';

const ROUNDS = 40;
const BLOCK = Buffer.alloc(1024 * 1024, 7);

export interface Noise {
  /** Milliseconds of a fixed piece of work; it grows as others take the CPU. */
  probeMs: number;
  /** Over 1, 5 and 15 minutes, this benchmark's own included. */
  load: number[];
}

export function measureNoise(): Noise {
  const startedMs = performance.now();
  for (let round = 0; round < ROUNDS; round++) createHash('sha256').update(BLOCK).digest();
  return { probeMs: performance.now() - startedMs, load: loadavg() };
}

export function describeMachine(): { cpu: string; cpus: number; node: string } {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: availableParallelism(),
    node: process.version,
  };
}
