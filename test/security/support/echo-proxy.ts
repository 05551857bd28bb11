import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';

/** How a provider could answer that says back what it was sent: credentials, tokens and all. */
export type Echo =
  | { status: number; as: 'json' | 'html' | 'text' }
  | { plaidError: string; type: string }
  | 'redirect'
  | 'wrong shape'
  | 'reset';

interface Rule {
  path: string;
  holding: string | undefined;
  echo: Echo;
  times: number;
}

const BANK_TOKEN = /\b(public|access|processor|link)-sandbox-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/g;
export type BankTokenKind = 'public' | 'access' | 'processor' | 'link';

/** Stands before a simulated provider, notes the bank tokens that pass, and answers with an echo where it is told to. */
export class EchoProxy {
  readonly #target: URL;
  readonly #server: Server;
  readonly #rules: Rule[] = [];
  readonly #tokens = new Map<string, BankTokenKind>();
  /** Of a token that an answer brought: the first one of its chain, by which all of them are known. */
  readonly #origins = new Map<string, string>();
  url = '';

  constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((incoming, answer) => {
      void this.#serve(incoming, answer).catch(() => incoming.socket.destroy());
    });
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
    this.url = `http://127.0.0.1:${address.port}`;
    return this;
  }

  /**
   * The next `times` requests to the path get the echo; with `holding`, those alone whose path or body holds it, or holds a
   * token that was got for it.
   */
  echo(path: string, echo: Echo, { times = 1, holding }: { times?: number; holding?: string } = {}): void {
    this.#rules.push({ path, echo, times, holding });
  }

  /** Takes note of the bank tokens in the texts. */
  note(...texts: string[]): void {
    for (const [kind, token] of bankTokens(texts.join(' '))) this.#tokens.set(token, kind);
  }

  /** The distinctive parts of the bank tokens that passed, by kind. */
  tokens(kind: BankTokenKind): string[] {
    return [...this.#tokens].flatMap(([token, its]) => (its === kind ? [token] : []));
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await textOf(incoming);
    this.note(body);
    const { pathname } = new URL(incoming.url ?? '/', this.#target);
    const origins = bankTokens(body).map(([, token]) => this.#origins.get(token));
    const request = [pathname, body, ...origins].join(' ');
    const rule = this.#rules.find(
      ({ path, holding }) =>
        pathname.startsWith(path) && (holding === undefined || request.includes(holding)),
    );
    if (rule === undefined) {
      await this.#pass(incoming, body, answer);
      return;
    }
    rule.times -= 1;
    if (rule.times === 0) this.#rules.splice(this.#rules.indexOf(rule), 1);
    const known = [...this.#tokens].map(([token, kind]) => `${kind}-sandbox-${token}`);
    const everything = JSON.stringify({ headers: incoming.rawHeaders, body, known });
    if (rule.echo === 'reset') {
      incoming.socket.destroy();
      return;
    }
    const [status, headers, said] = echoed(rule.echo, everything);
    answer.writeHead(status, headers).end(said);
  }

  async #pass(incoming: IncomingMessage, body: string, answer: ServerResponse): Promise<void> {
    const outgoing = request(new URL(incoming.url ?? '/', this.#target), {
      method: incoming.method ?? 'GET',
      headers: without(incoming.headers, ['host', 'connection']),
      agent: false,
    });
    outgoing.end(body);
    const [passed] = await once(outgoing, 'response');
    const text = await textOf(passed);
    this.note(text);
    const [[, asked] = []] = bankTokens(body);
    const origin = this.#origins.get(asked ?? '') ?? asked;
    if (origin !== undefined) for (const [, token] of bankTokens(text)) this.#origins.set(token, origin);
    const headers = without(passed.headers, ['content-length', 'transfer-encoding', 'connection']);
    answer.writeHead(passed.statusCode ?? 502, headers).end(text);
  }
}

function echoed(echo: Exclude<Echo, 'reset'>, everything: string): [number, Record<string, string>, string] {
  const json = { 'content-type': 'application/json' };
  if (echo === 'redirect') {
    const location = `http://127.0.0.1:9/?echo=${encodeURIComponent(everything)}`.slice(0, 8_000);
    return [302, { location }, everything];
  }
  if (echo === 'wrong shape') return [200, json, JSON.stringify({ [everything]: [everything] })];
  if ('plaidError' in echo) {
    const { plaidError: error_code, type: error_type } = echo;
    const said = { error_message: everything, display_message: everything, documentation_url: everything };
    return [400, json, JSON.stringify({ error_type, error_code, ...said, request_id: 'echo' })];
  }
  const { status, as } = echo;
  if (as === 'html')
    return [status, { 'content-type': 'text/html' }, `<html><body>${everything}</body></html>`];
  if (as === 'text') return [status, { 'content-type': 'text/plain' }, everything];
  return [status, json, JSON.stringify({ code: status * 100 + 1, message: everything, error: everything })];
}

function without(headers: IncomingMessage['headers'], names: readonly string[]): IncomingMessage['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

async function textOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

function bankTokens(text: string): [BankTokenKind, string][] {
  return [...text.matchAll(BANK_TOKEN)].flatMap(([, kind, token]): [BankTokenKind, string][] =>
    token !== undefined && isKind(kind) ? [[kind, token]] : [],
  );
}

function isKind(kind: string | undefined): kind is BankTokenKind {
  return kind === 'public' || kind === 'access' || kind === 'processor' || kind === 'link';
}
