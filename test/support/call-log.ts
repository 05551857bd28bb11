import type { Ground } from './ground';

/** Short names of the providers' operations, as the tests write them. */
export const OPERATIONS = {
  '/item/public_token/exchange': 'exchange',
  '/accounts/get': 'accounts',
  '/processor/token/create': 'processor token',
  '/item/get': 'item',
  '/item/remove': 'remove item',
  '/link/token/create': 'link token',
  'POST /plaid/processor-link': 'register',
  'DELETE /plaid/processor-link': 'delete',
  'POST /access-token': 'create user',
  'GET employer-matches': 'employer result',
  'GET recurring-financial-transactions': 'recurring result',
} as const;
export type Call = (typeof OPERATIONS)[keyof typeof OPERATIONS];

export function operationOf(call: Call): string {
  const found = Object.entries(OPERATIONS).find(([, name]) => name === call);
  if (!found) throw new Error(`No operation is called ${call}.`);
  return found[0];
}

interface Entry {
  userId: string | undefined;
  call: string;
  moment: 'begins' | 'ends';
}

/** The requests that reached both simulators, in the one order in which they came and ended. */
export class CallLog {
  readonly #entries: Entry[] = [];

  constructor({ plaid, atomic }: Pick<Ground, 'plaid' | 'atomic'>) {
    for (const { ledger } of [plaid, atomic]) {
      // Never satisfied: it listens until the simulator closes.
      ledger
        .waitFor(
          (entry) => {
            if (entry.kind === 'request') {
              this.#entries.push({
                userId: entry.userId,
                call: isOperation(entry.operation) ? OPERATIONS[entry.operation] : entry.operation,
                moment: entry.outcome === 'open' ? 'begins' : 'ends',
              });
            }
            return false;
          },
          { timeoutMs: 3_600_000 },
        )
        .catch(() => undefined);
    }
  }

  /** A user's calls in the order in which they arrived. */
  of(userId: string): string[] {
    return this.#of(userId)
      .filter(({ moment }) => moment === 'begins')
      .map(({ call }) => call);
  }

  /** How often each call was made for a user. */
  counts(userId: string): Partial<Record<string, number>> {
    const counts: Partial<Record<string, number>> = {};
    for (const call of this.of(userId)) counts[call] = (counts[call] ?? 0) + 1;
    return counts;
  }

  count(userId: string, call: Call): number {
    return this.counts(userId)[call] ?? 0;
  }

  /** Arrivals and ends: `register begins`, `register ends`. */
  timeline(userId: string): string[] {
    return this.#of(userId).map(({ call, moment }) => `${call} ${moment}`);
  }

  #of(userId: string): Entry[] {
    return this.#entries.filter((entry) => entry.userId === userId);
  }
}

function isOperation(name: string): name is keyof typeof OPERATIONS {
  return Object.hasOwn(OPERATIONS, name);
}
