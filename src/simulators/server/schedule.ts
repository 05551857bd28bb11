/** Timers that can all be stopped at once, so that a closed simulator leaves nothing running. */
export class Schedule {
  readonly #timers = new Map<NodeJS.Timeout, () => void>();
  #stopped = false;

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Runs `act` after `delayMs`, unless cancelled or stopped before. Returns the cancel function. */
  after(delayMs: number, act: () => void, onStop: () => void = () => {}): () => void {
    if (this.#stopped) {
      onStop();
      return () => {};
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delayMs);
    this.#timers.set(timer, onStop);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  /** Resolves with true after `delayMs`, or with false as soon as the schedule is stopped. */
  wait(delayMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.after(
        delayMs,
        () => resolve(true),
        () => resolve(false),
      );
    });
  }

  stop(): void {
    this.#stopped = true;
    const waiting = [...this.#timers];
    this.#timers.clear();
    for (const [timer, onStop] of waiting) {
      clearTimeout(timer);
      onStop();
    }
  }
}
