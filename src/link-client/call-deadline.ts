import { setMaxListeners } from 'node:events';
import type { ConnectionLike } from '@temporalio/client';
import { temporalUnavailable } from './link-client-error';

/** A server answers a long poll early, and is asked again at once, when the call's own deadline is near. */
const LONG_POLL_SLACK_MS = 10_000;

export interface CallOptions {
  /** The call waits at the server until something happens. */
  longPoll?: boolean;
  /** Ends the call early; it then rejects as when time is up. */
  stop?: AbortSignal;
}

/** One point in time by which every call of an operation has to be over, however many calls it takes. */
export class CallDeadline {
  readonly #connection: ConnectionLike;
  readonly #at: number;

  constructor(connection: ConnectionLike, timeoutMs: number) {
    this.#connection = connection;
    this.#at = Date.now() + timeoutMs;
  }

  get remainingMs(): number {
    return Math.max(0, this.#at - Date.now());
  }

  /** A deadline for a part of the operation: after `timeoutMs`, and never later than this one. */
  within(timeoutMs: number): CallDeadline {
    return new CallDeadline(this.#connection, Math.min(timeoutMs, this.remainingMs));
  }

  /**
   * Makes one call. Rejects with `temporal_unavailable` when time is up: gRPC's own deadline does not end the pause
   * between two of the SDK's retries, so a timer races it.
   */
  async call<T>(makeCall: () => Promise<T>, { longPoll = false, stop }: CallOptions = {}): Promise<T> {
    if (this.remainingMs === 0 || stop?.aborted) throw temporalUnavailable();
    const abort = new AbortController();
    // The SDK adds a listener for each RPC, and a long poll makes many.
    setMaxListeners(0, abort.signal);
    let giveUp = () => {};
    const timeUp = new Promise<never>((_resolve, reject) => {
      giveUp = () => {
        reject(temporalUnavailable());
        abort.abort();
      };
    });
    const timer = setTimeout(giveUp, this.remainingMs);
    stop?.addEventListener('abort', giveUp, { once: true });
    try {
      const call = this.#connection.withDeadline(this.#at + (longPoll ? LONG_POLL_SLACK_MS : 0), () =>
        this.#connection.withAbortSignal(abort.signal, makeCall),
      );
      return await Promise.race([call, timeUp]);
    } finally {
      clearTimeout(timer);
      stop?.removeEventListener('abort', giveUp);
    }
  }
}
