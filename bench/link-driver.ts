import type { LinkApp } from './link-app';

/** A link that takes longer is lost. */
const LOST_AFTER_MS = 120_000;

export interface LoopOutcome {
  /** All links of the loop, those before and after the window too. */
  links: number;
  /** Links whose results were read within the window. */
  finishedInWindow: number;
  windowMs: number;
  /** Those links, and when the call that started them began (milliseconds since 1970). */
  timed: { userId: string; calledAtMs: number }[];
}

/** Starts links and knows which ones still have no result. */
export class LinkDriver {
  readonly #open = new Map<string, () => void>();
  #idle: (() => void) | undefined;

  /** To be told of each result that was read. */
  finished(userId: string): void {
    const resolve = this.#open.get(userId);
    this.#open.delete(userId);
    resolve?.();
    if (this.#open.size === 0) this.#idle?.();
  }

  /** Keeps `inFlight` links under way: a new one for each that ends. The window opens once as many have ended. */
  async loop(
    app: LinkApp,
    { prefix, inFlight, windowMs }: { prefix: string; inFlight: number; windowMs: number },
  ): Promise<LoopOutcome> {
    const timed: LoopOutcome['timed'] = [];
    let links = 0;
    let ended = 0;
    let windowOpenedMs = Number.POSITIVE_INFINITY;
    let windowClosedMs = Number.POSITIVE_INFINITY;
    const oneAfterTheOther = async () => {
      while (performance.now() < windowClosedMs) {
        links += 1;
        const userId = `${prefix}-${links}`;
        const calledAtMs = performance.timeOrigin + performance.now();
        const result = this.#result(userId);
        await app.start(userId);
        await result;
        ended += 1;
        const nowMs = performance.now();
        if (ended === Math.max(inFlight, 3)) {
          windowOpenedMs = nowMs;
          windowClosedMs = nowMs + windowMs;
        } else if (nowMs >= windowOpenedMs && nowMs < windowClosedMs) {
          timed.push({ userId, calledAtMs });
        }
      }
    };
    await Promise.all(Array.from({ length: inFlight }, oneAfterTheOther));
    return { links, finishedInWindow: timed.length, windowMs, timed };
  }

  /** Starts so many links, `inFlight` calls at a time, without waiting for their results. */
  async startMany(
    app: LinkApp,
    { prefix, count, inFlight }: { prefix: string; count: number; inFlight: number },
  ): Promise<void> {
    let links = 0;
    const oneAfterTheOther = async () => {
      while (links < count) {
        links += 1;
        const userId = `${prefix}-${links}`;
        this.#open.set(userId, () => undefined);
        await app.start(userId);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, oneAfterTheOther));
  }

  /** Resolves when no link is without its result. */
  async allFinished(): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    this.#idle = undefined;
  }

  #result(userId: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${userId} is lost`)), LOST_AFTER_MS);
      this.#open.set(userId, () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
