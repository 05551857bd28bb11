import type { LinkApp } from './link-app';

/** A link that takes longer is lost. */
const LOST_AFTER_MS = 300_000;

export interface LoopOutcome {
  links: number;
  /** From the first start to the last result. */
  tookMs: number;
  /** When the call that started each link began, milliseconds since 1970, in the order in which they ended. */
  started: { userId: string; calledAtMs: number }[];
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

  /** So many links, `inFlight` of them under way: a new one for each that ends. */
  async loop(
    app: LinkApp,
    { prefix, inFlight, links }: { prefix: string; inFlight: number; links: number },
  ): Promise<LoopOutcome> {
    const started: LoopOutcome['started'] = [];
    let begun = 0;
    const oneAfterTheOther = async () => {
      while (begun < links) {
        begun += 1;
        const userId = `${prefix}-${begun}`;
        const calledAtMs = performance.timeOrigin + performance.now();
        const result = this.#result(userId);
        await app.start(userId);
        await result;
        started.push({ userId, calledAtMs });
      }
    };
    const beganMs = performance.now();
    await Promise.all(Array.from({ length: inFlight }, oneAfterTheOther));
    return { links, tookMs: performance.now() - beganMs, started };
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
