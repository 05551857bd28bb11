import { CancellationScope, condition, sleep } from '@temporalio/workflow';

interface SharedTimer {
  readonly scope: CancellationScope;
  readonly endMs: number;
  waiting: number;
  hasEnded: boolean;
}

/** A wait may end by so much sooner or later than it would alone: a hundredth of its length, but no more than this. */
const LARGEST_SHIFT_MS = 5_000;

/**
 * Waits that would end at almost the same time share a timer: both jobs of a link, say, whose results are overdue within a
 * second. Each timer less is two events, an action, and where it ends a workflow task.
 */
export class SharedTimers {
  private readonly timers = new Set<SharedTimer>();

  /** As the SDK's: waits until it holds; false where so many milliseconds, or about so many, have passed before. */
  async condition(holds: () => boolean, ms: number, summary: string): Promise<boolean> {
    const timer = this.endingIn(ms) ?? this.start(ms, summary);
    timer.waiting += 1;
    try {
      await condition(() => timer.hasEnded || holds());
      return holds();
    } finally {
      timer.waiting -= 1;
      if (timer.waiting === 0) {
        this.timers.delete(timer);
        if (!timer.hasEnded) timer.scope.cancel();
      }
    }
  }

  /** One that is under way and ends in about so many milliseconds. */
  private endingIn(ms: number): SharedTimer | undefined {
    const shiftMs = Math.min(ms / 100, LARGEST_SHIFT_MS);
    const endMs = Date.now() + ms;
    return [...this.timers].find((timer) => !timer.hasEnded && Math.abs(timer.endMs - endMs) <= shiftMs);
  }

  private start(ms: number, summary: string): SharedTimer {
    const scope = new CancellationScope();
    const timer = { scope, endMs: Date.now() + ms, waiting: 0, hasEnded: false };
    this.timers.add(timer);
    void scope
      .run(() => sleep(ms, { summary }))
      .then(
        () => {
          timer.hasEnded = true;
        },
        () => undefined,
      );
    return timer;
  }
}
