/** What the demo shows: one line for each thing that happens. No token is ever in it. */
import type { Job } from '../../contract/jobs';
import { ProviderError } from '../../providers/provider-error';
import type { Atomic, Plaid } from '../../providers/types';

export type Write = (line: string) => void;

interface Style {
  dim(text: string): string;
  bold(text: string): string;
  green(text: string): string;
  red(text: string): string;
}

/** ANSI colours, or none where nobody sees them. */
export function styleFor(isTerminal: boolean): Style {
  const sgr = (code: number) => (text: string) => (isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text);
  return { dim: sgr(2), bold: sgr(1), green: sgr(32), red: sgr(31) };
}

/** What each call to a provider is for. */
const STEPS: Readonly<Record<string, string>> = {
  createSandboxPublicToken: 'Link ends in the app: a public token',
  exchangePublicToken: 'public token in, access token out, sealed at once',
  getAccounts: 'which account is it?',
  getItem: 'how is the Item?',
  createProcessorToken: 'a processor token for Atomic, sealed',
  registerProcessorLink: 'the processor token goes to Atomic',
  fetchJobResult: 'the result comes back',
  removeProcessorLink: 'Atomic forgets the user',
  removeItem: 'Plaid removes the Item, and its tokens die',
};

const ROUTES: Readonly<Record<string, string>> = {
  createSandboxPublicToken: 'POST /sandbox/public_token/create',
  exchangePublicToken: 'POST /item/public_token/exchange',
  getAccounts: 'POST /accounts/get',
  getItem: 'POST /item/get',
  createProcessorToken: 'POST /processor/token/create',
  registerProcessorLink: 'POST /plaid/processor-link',
  fetchJobResult: 'GET result',
  removeProcessorLink: 'DELETE /plaid/processor-link',
  removeItem: 'POST /item/remove',
};

export class Timeline {
  readonly #write: Write;
  readonly #style: Style;
  readonly #startedAt = performance.now();

  constructor(write: Write, style: Style) {
    this.#write = write;
    this.#style = style;
  }

  /** `took` is in milliseconds; undefined for what has no length. */
  add(who: string, what: string, { tookMs, note }: { tookMs?: number; note?: string } = {}): void {
    const at = ((performance.now() - this.#startedAt) / 1000).toFixed(2).padStart(6);
    const took = (tookMs === undefined ? '' : `${Math.round(tookMs)} ms`).padStart(8);
    const tail = note === undefined ? '' : `  ${this.#style.dim(note)}`;
    const line = `${at} s  ${this.#style.bold(who.padEnd(9))} ${what.padEnd(41)} ${took}${tail}`;
    this.#write(line.trimEnd());
  }

  /** The link reached another state. */
  state(what: string): void {
    this.add('link', this.#style.green(what));
  }

  plaid(client: Plaid): Plaid {
    return this.#watch('to Plaid', client);
  }

  atomic(client: Atomic): Atomic {
    return this.#watch('to Atomic', client);
  }

  /** The same client, each of whose calls becomes a line. */
  #watch<Client extends object>(who: string, client: Client): Client {
    return new Proxy(client, {
      get: (target, name) => {
        const call: unknown = Reflect.get(target, name);
        if (typeof call !== 'function' || typeof name !== 'string') return call;
        return async (...args: unknown[]) => {
          const startedAt = performance.now();
          const line = (note: string) => {
            const what = [ROUTES[name] ?? name, jobIn(args[0])]
              .filter((word) => word !== undefined)
              .join(' ');
            this.add(who, what, { tookMs: performance.now() - startedAt, note });
          };
          try {
            const answer: unknown = await Reflect.apply(call, target, args);
            line(STEPS[name] ?? '');
            return answer;
          } catch (error) {
            const why = error instanceof ProviderError ? error.failure.code : 'cut short';
            line(this.#style.red(why));
            throw error;
          }
        };
      },
    });
  }
}

const SHORT_JOBS: Readonly<Record<Job, string>> = {
  'employer-classification': '(employer)',
  'recurrence-detection': '(recurrence)',
};

function jobIn(request: unknown): string | undefined {
  if (typeof request !== 'object' || request === null || !('job' in request)) return undefined;
  const { job } = request;
  return job === 'employer-classification' || job === 'recurrence-detection' ? SHORT_JOBS[job] : undefined;
}
