import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { jsonAnswer } from './answer';
import { type Faults, faultSchema } from './faults';
import type { LedgerEntry } from './ledger';

/** A control of the simulator that other processes can call by name. */
export type Command = (input: unknown) => unknown;

/** A command that takes an object of the given shape. */
export function command<Schema extends z.ZodType>(
  schema: Schema,
  run: (input: z.output<Schema>) => unknown,
): Command {
  return (input) => run(schema.parse(input ?? {}));
}

export interface Controlled {
  ledger: {
    readonly entries: readonly LedgerEntry[];
    readonly lastSeq: number;
    waitFor(
      predicate: (entry: LedgerEntry) => boolean,
      options: { afterSeq?: number; timeoutMs?: number },
    ): Promise<LedgerEntry>;
    clear(): void;
  };
  faults: Faults;
  state(): unknown;
  leftovers(userId?: string): unknown;
  commands: Record<string, Command>;
}

const releaseSchema = z.strictObject({ name: z.string() });
const ledgerQuerySchema = z.object({
  afterSeq: z.coerce.number().int().min(0).default(0),
  /** How long to wait for an entry after `afterSeq`; at most a minute. */
  waitMs: z.coerce.number().int().min(0).max(60_000).default(0),
});
const leftoversQuerySchema = z.object({ userId: z.string().optional() });

/**
 * `/_control/…`, for processes other than the one that runs the simulator. JSON in, JSON out; not in the ledger
 * and out of reach of faults.
 *
 *     GET    /_control/ledger?afterSeq=&waitMs=   { lastSeq, entries }
 *     DELETE /_control/ledger
 *     GET    /_control/state
 *     GET    /_control/leftovers?userId=
 *     GET, POST, DELETE /_control/faults          list, add one, clear
 *     POST   /_control/faults/release             { name }
 *     POST   /_control/<command>
 */
export function registerControlRoutes(app: FastifyInstance, controlled: Controlled): void {
  const { ledger, faults, commands } = controlled;

  function route(
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    act: (input: ControlInput) => unknown,
  ): void {
    app.route({
      method,
      url: `/_control/${url}`,
      async handler(request, reply) {
        const answer = await answerOf(act, {
          body: bodyValue(request.body),
          query: request.query,
          params: request.params,
        });
        return reply
          .code(answer.status)
          .headers(answer.headers ?? {})
          .send(answer.payload);
      },
    });
  }

  route('GET', 'ledger', async ({ query }) => {
    const { afterSeq, waitMs } = ledgerQuerySchema.parse(query);
    if (waitMs > 0) await ledger.waitFor(() => true, { afterSeq, timeoutMs: waitMs }).catch(() => undefined);
    return { lastSeq: ledger.lastSeq, entries: ledger.entries.filter((entry) => entry.seq > afterSeq) };
  });
  route('DELETE', 'ledger', () => ledger.clear());
  route('GET', 'state', () => controlled.state());
  route('GET', 'leftovers', ({ query }) => controlled.leftovers(leftoversQuerySchema.parse(query).userId));
  route('GET', 'faults', () => faults.list());
  route('POST', 'faults', ({ body }) => ({ id: faults.add(faultSchema.parse(body)).id }));
  route('DELETE', 'faults', () => faults.clear());
  route('POST', 'faults/release', ({ body }) => ({
    released: faults.release(releaseSchema.parse(body).name),
  }));
  for (const [name, run] of Object.entries(commands)) route('POST', name, ({ body }) => run(body));
}

interface ControlInput {
  body: unknown;
  query: unknown;
  params: unknown;
}

async function answerOf(act: (input: ControlInput) => unknown, input: ControlInput) {
  try {
    return jsonAnswer(200, (await act(input)) ?? { ok: true });
  } catch (error) {
    return jsonAnswer(400, { error: error instanceof Error ? error.message : 'refused' });
  }
}

function bodyValue(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('kind' in body)) return undefined;
  if (body.kind === 'json' && 'value' in body) return body.value;
  if (body.kind === 'none') return undefined;
  return { unreadable: body.kind };
}
