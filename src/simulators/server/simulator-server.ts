import { Readable } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type Answer, jsonAnswer } from './answer';
import { Faults, type InjectedFault } from './faults';
import type { Ledger } from './ledger';
import { Schedule } from './schedule';

export type RequestBody =
  | { kind: 'none' }
  | { kind: 'json'; value: unknown }
  | { kind: 'malformed' }
  | { kind: 'unsupported' };

export interface SimulatedRequest {
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  params: Record<string, string>;
  headers: FastifyRequest['headers'];
  body: RequestBody;
}

export interface Operation {
  /** As the ledger and the faults name it. */
  name: string;
  /** Whose request this is, as far as it can be told before it is judged. */
  userOf(request: SimulatedRequest): string | undefined;
  handle(request: SimulatedRequest): Answer | Promise<Answer>;
}

export interface SimulatorServerOptions<Name extends string> {
  ledger: Ledger<Name>;
  isPlaidError?: (code: string) => boolean;
  /** The answer to a fault `{ plaidError }`. */
  plaidErrorAnswer?: (code: string) => Answer;
  /** The provider's own body of an injected status, where the fault gives none. Default: nothing. */
  refusalBody?: (status: number) => object;
  /** Any method and path that no operation has. */
  unknownRoute: Operation;
}

export interface SimulatorServer {
  app: FastifyInstance;
  faults: Faults;
  schedule: Schedule;
  operation(method: 'GET' | 'POST' | 'DELETE', route: string, operation: Operation): void;
  /** Starts listening; returns the base URL without a trailing slash. */
  listen(address: { host?: string; port?: number }): Promise<string>;
  /** Destroys every connection and timer at once. */
  close(): Promise<void>;
}

type FaultOutcome = { kind: 'pass' } | { kind: 'answer'; answer: Answer } | { kind: 'gone' };

/** The HTTP server under a simulator: records each request in the ledger and injects the faults asked for. */
export function createSimulatorServer<Name extends string>(
  options: SimulatorServerOptions<Name>,
): SimulatorServer {
  const { ledger, unknownRoute } = options;
  const faults = new Faults(options.isPlaidError);
  const schedule = new Schedule();
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    bodyLimit: 4 * 1024 * 1024,
    // Users' ids are longer than the 100 characters that a parameter may have by default.
    routerOptions: { maxParamLength: 2_000 },
  });
  // Some contracts name the user in the body of a GET.
  app.addHttpMethod('GET', { hasBody: true, overrideExisting: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (request, text, done) => {
    done(null, parseBody(request.headers['content-type'], String(text)));
  });

  /** Resolves once the caller has hung up or the simulator closes. */
  function untilGone(reply: FastifyReply): Promise<void> {
    return new Promise((resolve) => {
      if (reply.raw.destroyed) resolve();
      reply.raw.once('close', resolve);
    });
  }

  async function inject(fault: InjectedFault, reply: FastifyReply, usual?: Answer): Promise<FaultOutcome> {
    const { kind } = fault;
    if (kind === 'reset-before' || kind === 'reset-after') {
      reply.hijack();
      reply.raw.socket?.resetAndDestroy();
      return { kind: 'gone' };
    }
    if (kind === 'truncated') {
      truncate(reply, usual ?? jsonAnswer(200, {}));
      return { kind: 'gone' };
    }
    if (kind === 'hang') {
      reply.hijack();
      await untilGone(reply);
      return { kind: 'gone' };
    }
    if (kind === 'html') {
      const page = '<html><body><h1>502 Bad Gateway</h1></body></html>';
      const answer = { status: 502, headers: { 'content-type': 'text/html' }, payload: page };
      return { kind: 'answer', answer };
    }
    if ('status' in kind) {
      const { status, body = options.refusalBody?.(status) ?? '', headers = {} } = kind;
      const answer: Answer =
        typeof body === 'string' ? { status, headers, payload: body } : jsonAnswer(status, body, headers);
      return { kind: 'answer', answer };
    }
    if ('hugeBodyBytes' in kind) {
      const payload = hugeJson(kind.hugeBodyBytes);
      return {
        kind: 'answer',
        answer: { status: 200, headers: { 'content-type': 'application/json' }, payload },
      };
    }
    if ('plaidError' in kind) {
      const answer = options.plaidErrorAnswer?.(kind.plaidError);
      return answer ? { kind: 'answer', answer } : { kind: 'pass' };
    }
    if ('delayMs' in kind) await schedule.wait(kind.delayMs);
    else await faults.hold(kind.hold);
    return { kind: 'pass' };
  }

  async function serve(operation: Operation, raw: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const request = toSimulatedRequest(raw);
    const userId = operation.userOf(request);
    const requestId = raw.headers['x-request-id'];
    const seq = ledger.opened({
      operation: operation.name,
      ...(userId === undefined ? {} : { userId }),
      ...(typeof requestId === 'string' ? { requestId } : {}),
    });
    const fault = faults.take({
      operation: operation.name,
      path: request.path,
      ...(userId === undefined ? {} : { userId }),
    });
    const struck = fault === undefined ? {} : { fault: fault.label };

    let usual: Answer | undefined;
    const lose = () => {
      const loss = usual?.onLost;
      usual = undefined;
      loss?.();
      ledger.answered(seq, { outcome: 'lost', ...struck });
    };
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) lose();
    });

    let answer: Answer | undefined;
    if (fault?.when === 'before') {
      const outcome = await inject(fault, reply);
      if (outcome.kind === 'gone') return reply;
      if (outcome.kind === 'answer') answer = outcome.answer;
    }
    if (schedule.stopped) return reply.hijack();
    if (!answer) {
      usual = await handled(operation, request);
      answer = usual;
      if (fault?.when === 'after') {
        const outcome = await inject(fault, reply, usual);
        if (outcome.kind === 'gone') return reply;
        if (outcome.kind === 'answer') {
          usual.onLost?.();
          usual = undefined;
          answer = outcome.answer;
        }
      }
    }
    if (reply.raw.destroyed || schedule.stopped) {
      lose();
      return reply.hijack();
    }
    const { status, headers, payload, code } = answer;
    ledger.answered(seq, {
      outcome: 'answered',
      status,
      ...(code === undefined ? {} : { code }),
      ...struck,
    });
    return reply
      .code(status)
      .headers(headers ?? {})
      .send(payload);
  }

  app.setNotFoundHandler((raw, reply) => serve(unknownRoute, raw, reply));
  return {
    app,
    faults,
    schedule,
    operation(method, route, operation) {
      app.route({ method, url: route, handler: (raw, reply) => serve(operation, raw, reply) });
    },
    listen: ({ host = '127.0.0.1', port = 0 }) => app.listen({ host, port }),
    async close() {
      schedule.stop();
      faults.close();
      ledger.close();
      await app.close();
    },
  };
}

/** A mistake of the simulator's own has to be seen for what it is. */
async function handled(operation: Operation, request: SimulatedRequest): Promise<Answer> {
  try {
    return await operation.handle(request);
  } catch (error) {
    const message = error instanceof Error ? error.message : 'unknown';
    return { ...jsonAnswer(500, { simulatorFailed: message }), code: 'SIMULATOR_FAILED' };
  }
}

function toSimulatedRequest(raw: FastifyRequest): SimulatedRequest {
  const [path = '/', search = ''] = raw.url.split('?', 2);
  const params: Record<string, string> = {};
  if (typeof raw.params === 'object' && raw.params !== null) {
    for (const [name, value] of Object.entries(raw.params)) params[name] = String(value);
  }
  return {
    method: raw.method,
    path,
    query: new URLSearchParams(search),
    params,
    headers: raw.headers,
    body: isRequestBody(raw.body) ? raw.body : { kind: 'none' },
  };
}

function isRequestBody(body: unknown): body is RequestBody {
  return typeof body === 'object' && body !== null && 'kind' in body;
}

function parseBody(contentType: string | undefined, text: string): RequestBody {
  if (text === '') return { kind: 'none' };
  if (!/^application\/json\s*(;|$)/i.test(contentType ?? '')) return { kind: 'unsupported' };
  try {
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    return { kind: 'malformed' };
  }
}

/** Announces the whole answer, sends half of it and hangs up. */
function truncate(reply: FastifyReply, answer: Answer): void {
  const payload = Buffer.from(typeof answer.payload === 'string' ? answer.payload : '{}');
  reply.hijack();
  reply.raw.writeHead(answer.status, { ...answer.headers, 'content-length': payload.length });
  reply.raw.write(payload.subarray(0, Math.floor(payload.length / 2)), () => reply.raw.destroy());
}

function hugeJson(totalBytes: number): Readable {
  const head = '{"data":[{"filler":"';
  const tail = '"}]}';
  const chunk = 'x'.repeat(64 * 1024);
  function* pieces() {
    yield head;
    let left = totalBytes - head.length - tail.length;
    for (; left > chunk.length; left -= chunk.length) yield chunk;
    yield chunk.slice(0, left);
    yield tail;
  }
  return Readable.from(pieces(), { objectMode: false });
}
