interface Line {
  busy: number;
  waiting: (() => void)[];
}

/** Lets a limited number of tasks of each key run at once; the others wait for their turn, in order. */
export class KeyedLimit {
  readonly #limit: number;
  readonly #lines = new Map<string, Line>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Number of keys with a task that runs. */
  get size(): number {
    return this.#lines.size;
  }

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? { busy: 0, waiting: [] };
    this.#lines.set(key, line);
    if (line.busy < this.#limit) line.busy += 1;
    else await new Promise<void>((resolve) => line.waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = line.waiting.shift();
      if (next) next();
      else line.busy -= 1;
      if (line.busy === 0) this.#lines.delete(key);
    }
  }
}
