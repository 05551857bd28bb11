import { type SignalDefinition, setHandler, type WorkflowInterceptors } from '@temporalio/workflow';

/** By the signal's name, of this workflow: every workflow has its own instance of each module. */
const handlers = new Map<string, (args: unknown[]) => void>();

/** For a handler that records a fact and is done: it neither waits nor throws. */
export function setQuickHandler<Args extends unknown[]>(
  signal: SignalDefinition<Args>,
  handler: (...args: Args) => void,
  options: { description: string },
): void {
  setHandler(signal, handler, options);
  handlers.set(signal.name, (args) => handler(...(args as Args)));
}

/** Is over: what is chained to it is done at once, and makes no further promise. */
class Done extends Promise<void> {
  override catch(): Promise<void> {
    return this;
  }

  override finally(onFinally?: (() => void) | null): Promise<void> {
    onFinally?.();
    return this;
  }
}

/**
 * Takes signals without a promise of the SDK's, which makes eight for each signal and a stack trace for each promise. It is
 * the last of the interceptors: one behind it would never be called for these signals.
 *
 * Upstream: temporalio/sdk-typescript#1587 (promises are slow in a workflow).
 * Without it: 9,000 signals take longer than a workflow task may, which is then tried again without end.
 * Shown by: test/long-life/flood.long.test.ts.
 * Goes when: a signal whose handler is synchronous costs the SDK no promise, or promises cost no stack traces.
 */
export function quickSignals(): Required<Pick<WorkflowInterceptors, 'inbound'>> {
  const done = new Done((resolve) => resolve());
  return {
    inbound: [
      {
        handleSignal(input, next) {
          const handle = handlers.get(input.signalName);
          if (!handle) return next(input);
          handle(input.args);
          return done;
        },
      },
    ],
  };
}
