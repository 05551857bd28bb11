/** What the page shows of a user's link as it happens. Holds no token. */
export interface DemoEvent {
  /** Counts up. */
  seq: number;
  /** ISO 8601. */
  at: string;
  who: 'to Plaid' | 'to Atomic' | 'to us';
  what: string;
  note: string;
  failed: boolean;
  tookMs?: number;
  userId?: string;
}

/** Enough for an afternoon of development. */
const KEPT = 2_000;

/** The newest events, in memory. */
export class DemoEvents {
  #kept: DemoEvent[] = [];
  #lastSeq = 0;

  add(event: Omit<DemoEvent, 'seq' | 'at'>): void {
    this.#lastSeq += 1;
    this.#kept.push({ seq: this.#lastSeq, at: new Date().toISOString(), ...event });
    if (this.#kept.length > KEPT) this.#kept = this.#kept.slice(-KEPT);
  }

  /** Those of a user, after a place in the row. */
  of(userId: string, afterSeq: number): DemoEvent[] {
    return this.#kept.filter((one) => one.seq > afterSeq && one.userId === userId);
  }
}
