interface Lane<T> {
  running: Promise<T>;
  /** Begins once `running` is over; all callers that have come since share it. */
  next?: Promise<T>;
}

/**
 * Joins equal reads that are made at once, so that each key has at most one under way and one to come: Temporal buffers
 * hardly more than one query a workflow, and refuses the rest for a second. A read never joins one that began before it,
 * so it sees all that was written before.
 */
export class SharedReads<T> {
  readonly #lanes = new Map<string, Lane<T>>();

  /** What `start` gives, or the `start` of another caller who came at the same time. */
  read(key: string, start: () => Promise<T>): Promise<T> {
    const lane = this.#lanes.get(key);
    if (lane === undefined) return this.#begin(key, start);
    const begin = () => this.#begin(key, start);
    lane.next ??= lane.running.then(begin, begin);
    return lane.next;
  }

  #begin(key: string, start: () => Promise<T>): Promise<T> {
    const lane: Lane<T> = { running: start() };
    this.#lanes.set(key, lane);
    const done = () => {
      if (lane.next === undefined) this.#lanes.delete(key);
    };
    lane.running.then(done, done);
    return lane.running;
  }
}
