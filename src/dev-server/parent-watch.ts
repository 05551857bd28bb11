import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Ends `child` when this process dies, in whatever way. A shell beside it waits for the end of a pipe whose other
 * end only this process holds; in a process group of its own, so that Ctrl-C does not reach it.
 */
export function endWithThisProcess(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const watcher = spawn('/bin/sh', ['-c', 'read -r _; kill "$0"', String(child.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell, on Windows, this safeguard is missing and nothing else.
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
  // The child's id may soon be another process's.
  child.once('exit', () => watcher.kill('SIGKILL'));
}
