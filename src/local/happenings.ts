/** What the page shows of a user's link as it happens. Holds no token. */
export interface Happening {
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

/** The newest happenings, in memory. */
export class Happenings {
  #kept: Happening[] = [];
  #lastSeq = 0;

  add(happening: Omit<Happening, 'seq' | 'at'>): void {
    this.#lastSeq += 1;
    this.#kept.push({ seq: this.#lastSeq, at: new Date().toISOString(), ...happening });
    if (this.#kept.length > KEPT) this.#kept = this.#kept.slice(-KEPT);
  }

  /** Those of a user, after a place in the row. */
  of(userId: string, afterSeq: number): Happening[] {
    return this.#kept.filter((one) => one.seq > afterSeq && one.userId === userId);
  }
}
