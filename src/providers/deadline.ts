/** Marks an abort as ours: the provider took longer than the client's deadline. */
const DEADLINE_PASSED = new Error('The deadline passed.');

export interface Deadline {
  /** Aborts when the time is up, or when the caller's own signal does. */
  signal: AbortSignal;
  /** Why the call was cut short; undefined when it was not. */
  cutShortBy(): 'deadline' | 'caller' | undefined;
  /** Has to be called when the call has settled: stops the timer and lets go of the caller's signal. */
  end(): void;
}

/**
 * One wall-clock deadline for a whole call, reading of the body included. Made by hand rather than of
 * `AbortSignal.any` and `AbortSignal.timeout`, which keep a timer for each call until it fires, and a
 * dependant for each call on a caller's signal that outlives it.
 */
export function startDeadline(timeoutMs: number, callerSignal: AbortSignal | undefined): Deadline {
  callerSignal?.throwIfAborted();
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(DEADLINE_PASSED), timeoutMs);
  const forwardAbort = () => controller.abort(callerSignal?.reason);
  callerSignal?.addEventListener('abort', forwardAbort, { once: true });
  return {
    signal: controller.signal,
    cutShortBy: () => {
      if (!controller.signal.aborted) return undefined;
      return controller.signal.reason === DEADLINE_PASSED ? 'deadline' : 'caller';
    },
    end: () => {
      clearTimeout(timer);
      callerSignal?.removeEventListener('abort', forwardAbort);
    },
  };
}
