import { LinkClientError } from './link-client-error';

interface SharedWait<T> {
  outcome: Promise<T>;
  waiters: number;
  abort: AbortController;
}

/** Long waits of one process, one for each key however many callers wait for it; the last to leave ends it. */
export class SharedWaits<T> {
  readonly #limit: number;
  readonly #waits = new Map<string, SharedWait<T>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Number of distinct waits in flight. */
  get size(): number {
    return this.#waits.size;
  }

  /**
   * Waits for the outcome of `key` for at most `timeoutMs`; `start` begins it where nobody waits for it yet, and has to
   * stop when its signal aborts. Rejects with `overloaded` over the limit, with the signal's reason when aborted, and
   * with the outcome's error.
   */
  async join(
    key: string,
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined },
    start: (stop: AbortSignal) => Promise<T>,
  ): Promise<T | 'timed_out'> {
    signal?.throwIfAborted();
    const wait = this.#waits.get(key) ?? this.#begin(key, start);
    wait.waiters += 1;
    let leave = () => {};
    const left = new Promise<'timed_out'>((resolve, reject) => {
      const timer = setTimeout(() => resolve('timed_out'), timeoutMs);
      const onAbort = () => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
    });
    try {
      return await Promise.race([wait.outcome, left]);
    } finally {
      leave();
      wait.waiters -= 1;
      if (wait.waiters === 0) this.#end(key, wait);
    }
  }

  /** Ends all waits; those who wait get what their `start` makes of it. */
  abortAll(): void {
    for (const [key, wait] of this.#waits) this.#end(key, wait);
  }

  #begin(key: string, start: (stop: AbortSignal) => Promise<T>): SharedWait<T> {
    if (this.#waits.size >= this.#limit) {
      throw new LinkClientError('overloaded', 'Too many callers wait for results at once.');
    }
    const abort = new AbortController();
    const wait: SharedWait<T> = { outcome: start(abort.signal), waiters: 0, abort };
    this.#waits.set(key, wait);
    const forget = () => this.#forget(key, wait);
    // Also keeps an outcome that fails after everybody has left from being an unhandled rejection.
    wait.outcome.then(forget, forget);
    return wait;
  }

  #end(key: string, wait: SharedWait<T>): void {
    this.#forget(key, wait);
    wait.abort.abort();
  }

  #forget(key: string, wait: SharedWait<T>): void {
    if (this.#waits.get(key) === wait) this.#waits.delete(key);
  }
}
