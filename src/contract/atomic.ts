/** An object's own word on a job, in whatever way it is written: `in_progress`, `In-Progress`. */
const RUNNING = ['pending', 'processing', 'running', 'queued', 'started', 'inprogress'];
const FAILED = ['failed', 'failure', 'error', 'errored'];

/**
 * What an object of Atomic's says of itself in `status`. Atomic reports a failure by a status inside an event or a result
 * rather than by an event of its own. Undefined where it says nothing of the kind.
 */
export function jobStatusIn(value: unknown): 'running' | 'failed' | undefined {
  if (typeof value !== 'object' || value === null || !('status' in value)) return undefined;
  if (typeof value.status !== 'string') return undefined;
  const status = value.status.toLowerCase().replaceAll(/[-_ ]/g, '');
  if (FAILED.includes(status)) return 'failed';
  return RUNNING.includes(status) ? 'running' : undefined;
}
