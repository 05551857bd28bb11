/** A request as the simulator saw it. `outcome` is `open` until it is answered. */
export interface RequestEntry {
  readonly kind: 'request';
  /** Counts up from 1 over requests and effects alike. */
  readonly seq: number;
  /** When it arrived, ISO 8601. */
  readonly at: string;
  readonly operation: string;
  readonly userId?: string;
  /** The caller's `x-request-id`. */
  readonly requestId?: string;
  /** `lost`: the answer did not reach the caller, by a fault or because the caller went away. */
  readonly outcome: 'open' | 'answered' | 'lost';
  readonly status?: number;
  /** Plaid's `error_code`, or Atomic's numeric `code`. */
  readonly code?: string;
  /** The kind of fault that was injected. */
  readonly fault?: string;
}

export type EffectDetail = string | number | boolean;

/** Something that changed at the provider, or that it sent. */
export interface EffectEntry<Name extends string = string> {
  readonly kind: 'effect';
  readonly seq: number;
  readonly at: string;
  readonly name: Name;
  readonly userId?: string;
  readonly details: Readonly<Record<string, EffectDetail>>;
}

export type LedgerEntry<Name extends string = string> = RequestEntry | EffectEntry<Name>;

export interface RequestAnswer {
  outcome: 'answered' | 'lost';
  status?: number;
  code?: string;
  fault?: string;
}

interface Waiter<Name extends string> {
  matches(entry: LedgerEntry<Name>): boolean;
  resolve(entry: LedgerEntry<Name>): void;
  reject(reason: Error): void;
}

export interface WaitOptions {
  /** Only entries after this `seq` count. Default 0: entries that are there already count too. */
  afterSeq?: number;
  /** Default 10,000. */
  timeoutMs?: number;
}

/**
 * What happened at a simulated provider, in order: every request and every effect. It holds no credential and
 * no bank token; tokens appear as fingerprints. The oldest entries go once there are more than `limit`.
 */
export class Ledger<Name extends string = string> {
  readonly #limit: number;
  readonly #now: () => number;
  readonly #waiters = new Set<Waiter<Name>>();
  #entries: LedgerEntry<Name>[] = [];
  #lastSeq = 0;
  #closed = false;

  constructor(options: { now?: () => number; limit?: number } = {}) {
    this.#now = options.now ?? Date.now;
    this.#limit = options.limit ?? 200_000;
  }

  get entries(): readonly LedgerEntry<Name>[] {
    return this.#entries;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  effects(name?: Name, userId?: string): EffectEntry<Name>[] {
    return this.#entries.filter(
      (entry): entry is EffectEntry<Name> =>
        entry.kind === 'effect' &&
        (name === undefined || entry.name === name) &&
        (userId === undefined || entry.userId === userId),
    );
  }

  requests(operation?: string, userId?: string): RequestEntry[] {
    return this.#entries.filter(
      (entry): entry is RequestEntry =>
        entry.kind === 'request' &&
        (operation === undefined || entry.operation === operation) &&
        (userId === undefined || entry.userId === userId),
    );
  }

  /**
   * Resolves with the first entry that satisfies the predicate, past or future. A request counts again when its
   * outcome changes. Rejects after `timeoutMs`, and when the simulator closes.
   */
  waitFor(
    predicate: (entry: LedgerEntry<Name>) => boolean,
    options: WaitOptions = {},
  ): Promise<LedgerEntry<Name>> {
    const { afterSeq = 0, timeoutMs = 10_000 } = options;
    const matches = (entry: LedgerEntry<Name>) => entry.seq > afterSeq && predicate(entry);
    const found = this.#entries.find(matches);
    if (found) return Promise.resolve(found);
    if (this.#closed) return Promise.reject(new Error('The simulator is closed.'));
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter<Name> = {
        matches,
        resolve: (entry) => {
          settle();
          resolve(entry);
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
      };
      const timer = setTimeout(
        () => waiter.reject(new Error(`No such ledger entry came within ${timeoutMs} ms.`)),
        timeoutMs,
      );
      this.#waiters.add(waiter);
    });
  }

  /** Resolves with the first effect of that name (and user). */
  async waitForEffect(
    name: Name,
    options: WaitOptions & { userId?: string } = {},
  ): Promise<EffectEntry<Name>> {
    const { userId } = options;
    const entry = await this.waitFor(
      (candidate) =>
        candidate.kind === 'effect' &&
        candidate.name === name &&
        (userId === undefined || candidate.userId === userId),
      options,
    );
    if (entry.kind !== 'effect') throw new Error('unreachable: the predicate takes effects only');
    return entry;
  }

  /** Resolves once such a request has arrived, answered or not. */
  async waitForRequest(
    operation: string,
    options: WaitOptions & { userId?: string; outcome?: RequestEntry['outcome'] } = {},
  ): Promise<RequestEntry> {
    const { userId, outcome } = options;
    const entry = await this.waitFor(
      (candidate) =>
        candidate.kind === 'request' &&
        candidate.operation === operation &&
        (userId === undefined || candidate.userId === userId) &&
        (outcome === undefined || candidate.outcome === outcome),
      options,
    );
    if (entry.kind !== 'request') throw new Error('unreachable: the predicate takes requests only');
    return entry;
  }

  /** Forgets everything so far; `seq` goes on counting. */
  clear(): void {
    this.#entries = [];
  }

  /** Records a request on arrival; returns its `seq` for {@link answered}. */
  opened(request: { operation: string; userId?: string; requestId?: string }): number {
    return this.#add({ kind: 'request', ...this.#stamp(), ...request, outcome: 'open' });
  }

  answered(seq: number, answer: RequestAnswer): void {
    const index = seq - (this.#entries[0]?.seq ?? 0);
    const entry = this.#entries[index];
    if (entry?.kind !== 'request') return;
    const updated = { ...entry, ...answer };
    this.#entries[index] = updated;
    this.#tell(updated);
  }

  effect(name: Name, userId: string | undefined, details: Record<string, EffectDetail> = {}): number {
    const owner = userId === undefined ? {} : { userId };
    return this.#add({ kind: 'effect', ...this.#stamp(), name, ...owner, details });
  }

  close(): void {
    this.#closed = true;
    for (const waiter of [...this.#waiters]) {
      waiter.reject(new Error('The simulator was closed before such a ledger entry came.'));
    }
  }

  #stamp(): { seq: number; at: string } {
    this.#lastSeq += 1;
    return { seq: this.#lastSeq, at: new Date(this.#now()).toISOString() };
  }

  #add(entry: LedgerEntry<Name>): number {
    this.#entries.push(entry);
    // A tenth at a time, so that a full ledger does not move all its entries at every request.
    if (this.#entries.length > this.#limit * 1.1) this.#entries = this.#entries.slice(-this.#limit);
    this.#tell(entry);
    return entry.seq;
  }

  #tell(entry: LedgerEntry<Name>): void {
    for (const waiter of [...this.#waiters]) {
      if (waiter.matches(entry)) waiter.resolve(entry);
    }
  }
}
