import { z } from 'zod';

const faultKindSchema = z.union([
  /** The connection is reset before, or after, the request has had its effect. */
  z.enum(['reset-before', 'reset-after']),
  /** The effect happens, and the connection ends in the middle of the answer. */
  z.literal('truncated'),
  /** A gateway's page: 502, text/html. */
  z.literal('html'),
  /** Never answered; the connection stays open until the caller gives up. */
  z.literal('hang'),
  /** This answer; a string is sent as it is, anything else as JSON. Without a body, the provider's own for it. */
  z.strictObject({
    status: z.int().min(200).max(599),
    body: z.unknown().optional(),
    headers: z.record(z.string(), z.string()).optional(),
  }),
  /** The usual answer, later. */
  z.strictObject({ delayMs: z.number().min(0) }),
  /** The usual answer, once `faults.release(name)` is called. */
  z.strictObject({ hold: z.string().min(1) }),
  /** A 200 with a JSON body of exactly so many bytes, sent in chunks without a Content-Length. */
  z.strictObject({ hugeBodyBytes: z.int().min(64) }),
  /** An error object of Plaid's with its documented type and status (the simulator of Plaid only). */
  z.strictObject({ plaidError: z.string() }),
]);
export type FaultKind = z.infer<typeof faultKindSchema>;

export const faultSchema = z.strictObject({
  /** The ledger's name of the operation. Without `operation` and `path` every request matches. */
  operation: z.string().optional(),
  /** The path of the request, without the query. */
  path: z.string().optional(),
  userId: z.string().optional(),
  /** How many requests it hits. Default 1. */
  times: z.union([z.int().min(1), z.literal('always')]).optional(),
  /** Whether the request has its effect before the fault strikes. Default `before`. */
  when: z.enum(['before', 'after']).optional(),
  kind: faultKindSchema,
});
export type Fault = z.infer<typeof faultSchema>;

export interface FaultHandle {
  readonly id: number;
  /** How many requests it has hit. */
  readonly hits: number;
  remove(): void;
}

export interface InjectedFault {
  kind: FaultKind;
  /** As the ledger shows it. */
  label: string;
  when: 'before' | 'after';
}

interface Rule {
  id: number;
  fault: Fault;
  hits: number;
}

/** Faults to inject. The first rule that matches a request, in the order they were added, strikes it. */
export class Faults {
  readonly #isPlaidError: (code: string) => boolean;
  readonly #holds = new Map<string, Set<() => void>>();
  #rules: Rule[] = [];
  #lastId = 0;
  #closed = false;

  /** `isPlaidError` says which codes `{ plaidError }` may name; none by default. */
  constructor(isPlaidError: (code: string) => boolean = () => false) {
    this.#isPlaidError = isPlaidError;
  }

  /** Throws when the fault is malformed. */
  add(fault: Fault): FaultHandle {
    const parsed = faultSchema.parse(fault);
    const { kind } = parsed;
    if (typeof kind === 'object' && 'plaidError' in kind && !this.#isPlaidError(kind.plaidError)) {
      throw new Error(`No such Plaid error here: ${kind.plaidError}`);
    }
    this.#lastId += 1;
    const rule: Rule = { id: this.#lastId, fault: parsed, hits: 0 };
    this.#rules.push(rule);
    return {
      id: rule.id,
      get hits() {
        return rule.hits;
      },
      remove: () => {
        this.#rules = this.#rules.filter((other) => other !== rule);
      },
    };
  }

  /** Rules that can still strike. */
  list(): { id: number; fault: Fault; hits: number }[] {
    return this.#rules.map((rule) => ({ ...rule }));
  }

  /** Removes every rule and lets every held request go on. */
  clear(): void {
    this.#rules = [];
    for (const name of [...this.#holds.keys()]) this.release(name);
  }

  /** Lets the requests held under the name go on; returns how many there were. */
  release(name: string): number {
    const held = this.#holds.get(name) ?? new Set();
    this.#holds.delete(name);
    for (const resume of held) resume();
    return held.size;
  }

  /** How many requests are held under the name now. */
  held(name: string): number {
    return this.#holds.get(name)?.size ?? 0;
  }

  /** Takes the fault that strikes this request, if any. */
  take(request: { operation: string; path: string; userId?: string }): InjectedFault | undefined {
    const rule = this.#rules.find(
      ({ fault }) =>
        (fault.operation === undefined || fault.operation === request.operation) &&
        (fault.path === undefined || fault.path === request.path) &&
        (fault.userId === undefined || fault.userId === request.userId),
    );
    if (!rule) return undefined;
    rule.hits += 1;
    const times = rule.fault.times ?? 1;
    if (times !== 'always' && rule.hits >= times) {
      this.#rules = this.#rules.filter((other) => other !== rule);
    }
    const { kind } = rule.fault;
    const late = kind === 'reset-after' || kind === 'truncated' || rule.fault.when === 'after';
    return { kind, label: labelOf(kind), when: late ? 'after' : 'before' };
  }

  /** Resolves once the name is released, or the simulator closes. */
  hold(name: string): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const held = this.#holds.get(name) ?? new Set();
      held.add(resolve);
      this.#holds.set(name, held);
    });
  }

  close(): void {
    this.#closed = true;
    this.clear();
  }
}

function labelOf(kind: FaultKind): string {
  if (typeof kind === 'string') return kind;
  if ('status' in kind) return `status ${kind.status}`;
  if ('delayMs' in kind) return `delay ${kind.delayMs} ms`;
  if ('hold' in kind) return `hold ${kind.hold}`;
  if ('hugeBodyBytes' in kind) return `huge body ${kind.hugeBodyBytes} bytes`;
  return kind.plaidError;
}
