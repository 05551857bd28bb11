import type { ChildProcess } from 'node:child_process';

const children = new Set<ChildProcess>();
let watching = false;

function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** Kills the child when this process exits before it. Nothing asynchronous runs then, so there is no grace. */
export function killOnExit(child: ChildProcess): void {
  if (!watching) process.on('exit', killAll);
  watching = true;
  children.add(child);
  child.once('exit', () => children.delete(child));
}
