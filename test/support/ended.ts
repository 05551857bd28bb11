import type { ChildProcess } from 'node:child_process';

/** What has become of a process. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
  /** Both, as they came. */
  output: string;
  /** From now to its end. */
  seconds: number;
  json(): unknown;
}

export async function ended(child: ChildProcess): Promise<Ended> {
  const startedMs = performance.now();
  const written = { stdout: '', stderr: '', output: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      written[name] += chunk.toString();
      written.output += chunk.toString();
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const seconds = (performance.now() - startedMs) / 1_000;
  return { code, seconds, ...written, json: () => JSON.parse(written.stdout) };
}
