import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Environment } from './service-process';

export interface CommandAnswer {
  code: number | null;
  stdout: string;
  stderr: string;
  /** From the start of the process to its end. */
  seconds: number;
  json(): unknown;
}

/** Runs a command from the build, as an operator does in the image. `folder` is the working directory. */
export function runCommand(
  { build, folder, env }: { build: string; folder: string; env: Environment },
  name: 'links' | 'doctor' | 'keys',
  args: readonly string[],
): Promise<CommandAnswer> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [path.join(build, 'src/commands', `${name}.js`), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => {
    child.once('close', (code) =>
      resolve({
        code,
        stdout,
        stderr,
        seconds: (performance.now() - startedMs) / 1_000,
        json: () => JSON.parse(stdout),
      }),
    );
  });
}
