import { spawn } from 'node:child_process';
import { killOnExit } from './child-processes';
import { OutputTail } from './output-tail';

const TAIL_LINES = 15;

export interface RunCommandOptions {
  cwd: string;
  /** The command is killed, and fails, after this time. */
  timeoutMs: number;
  /** Called every `progressEveryMs` while the command runs, with the time since its start. */
  onProgress?: (elapsedMs: number) => void;
  progressEveryMs?: number;
  /** Aborting kills the command; the reason's message says why. */
  signal?: AbortSignal;
}

/** Runs a command to its end. Throws with the end of its output when it fails, cannot start or is too slow. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: RunCommandOptions,
): Promise<void> {
  const startedAt = Date.now();
  const child = spawn(command, args, { cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  killOnExit(child);
  const tail = new OutputTail();
  child.stdout.on('data', (chunk: Buffer) => tail.add(chunk));
  child.stderr.on('data', (chunk: Buffer) => tail.add(chunk));

  let stopReason: string | undefined;
  const stop = (reason: string) => {
    stopReason ??= reason;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(
    () => stop(`took longer than ${Math.round(options.timeoutMs / 1000)} s`),
    options.timeoutMs,
  );
  const progress = setInterval(
    () => options.onProgress?.(Date.now() - startedAt),
    options.progressEveryMs ?? 15_000,
  );
  const onAbort = () => {
    const reason: unknown = options.signal?.reason;
    stop(reason instanceof Error ? reason.message : 'was stopped');
  };
  options.signal?.addEventListener('abort', onAbort);
  try {
    const status = await new Promise<string | undefined>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code === 0 ? undefined : `exit ${code ?? signal}`));
    });
    if (stopReason !== undefined) throw new Error(stopReason);
    if (status !== undefined) throw new Error([status, tail.last(TAIL_LINES)].filter(Boolean).join(': '));
  } finally {
    clearTimeout(timer);
    clearInterval(progress);
    options.signal?.removeEventListener('abort', onAbort);
  }
}
