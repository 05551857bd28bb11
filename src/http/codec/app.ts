import cors from '@fastify/cors';
import type { Payload, PayloadCodec } from '@temporalio/common';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import { inputErrors } from '../server/input-errors';
import { addMethodFallbacks } from '../server/method-fallbacks';
import { addLivez, LIVEZ } from '../server/probes';
import { HttpProblem } from '../server/problems';
import { logRequests } from '../server/request-log';
import { createServer, REQUEST_ID_HEADER, type ServerTimeouts } from '../server/server';
import { type CodecAuth, requireCodecAccess } from './access';
import { fromJson, type JsonPayload, payloadsSchemas, toJson } from './json-payloads';

export interface CodecAppDeps {
  codec: PayloadCodec;
  /** Whether a payload is the codec's own. Others (headers of tracing, say) are handed back as they came. */
  isEncoded(payload: Payload): boolean;
  /** The only namespace served; callers name theirs in `X-Namespace`. */
  namespace: string;
  auth: CodecAuth;
  /** Origins of the Temporal UI: `http://localhost:8233`. Pages of others get nothing. */
  allowedOrigins: readonly string[];
  logger: FastifyBaseLogger | false;
  /** Default 16 MiB: an event is at most 4 MB before base64. */
  bodyLimitBytes?: number;
  timeouts?: Partial<ServerTimeouts>;
}

const NAMESPACE_HEADER = 'x-namespace';
const DEFAULT_BODY_LIMIT_BYTES = 16 * 1024 * 1024;
const DIRECTIONS = ['encode', 'decode'] as const;

/**
 * The codec server, whole but for listening: `POST /encode` and `POST /decode` as Temporal's UI and CLI call them,
 * and `/livez`. Payloads are in no log and in no error; sealed tokens stay sealed, for the codec has not their key.
 */
export function createCodecApp(deps: CodecAppDeps): FastifyInstance {
  const app = createServer({
    logger: deps.logger,
    bodyLimitBytes: deps.bodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES,
    ...(deps.timeouts && { timeouts: deps.timeouts }),
  });
  logRequests(app);
  app.addHook('onRequest', async ({ headers: { origin } }) => {
    if (origin === undefined || deps.allowedOrigins.includes(origin)) return;
    throw new HttpProblem('unauthorized', { status: 403, detail: 'This origin is not allowed.' });
  });
  app.register(cors, {
    origin: [...deps.allowedOrigins],
    methods: ['POST'],
    allowedHeaders: ['authorization', 'content-type', NAMESPACE_HEADER, REQUEST_ID_HEADER],
    exposedHeaders: [REQUEST_ID_HEADER],
    credentials: true,
    strictPreflight: false,
    maxAge: 600,
  });
  const checkAccess = requireCodecAccess(deps.auth);
  app.register(async (scope) => {
    addLivez(scope);
    for (const direction of DIRECTIONS) {
      scope.post(`/${direction}`, { onRequest: checkAccess }, async (request) => {
        requireNamespace(request, deps.namespace);
        const body = payloadsSchemas[direction].safeParse(request.body);
        if (!body.success)
          throw new HttpProblem('invalid_request', { errors: inputErrors(body.error.issues) });
        return { payloads: await translate(deps, direction, body.data.payloads, request) };
      });
    }
    const routes = DIRECTIONS.map((direction) => ({ method: 'POST', url: `/${direction}` }));
    addMethodFallbacks(scope, [...routes, LIVEZ]);
  });
  return app;
}

function requireNamespace(request: FastifyRequest, namespace: string): void {
  const asked = request.headers[NAMESPACE_HEADER];
  if (asked === undefined) {
    throw new HttpProblem('invalid_request', { detail: 'The header X-Namespace is missing.' });
  }
  if (asked !== namespace) {
    throw new HttpProblem('unauthorized', { status: 403, detail: 'This namespace is not served here.' });
  }
}

async function translate(
  { codec, isEncoded }: CodecAppDeps,
  direction: (typeof DIRECTIONS)[number],
  given: readonly JsonPayload[],
  request: FastifyRequest,
): Promise<JsonPayload[]> {
  const payloads = given.map(fromJson);
  try {
    if (direction === 'encode') return (await codec.encode(payloads)).map(toJson);
    const decoded = await Promise.all(
      payloads.map((payload) => (isEncoded(payload) ? codec.decode([payload]) : undefined)),
    );
    return decoded.flatMap((own, index) => own?.map(toJson) ?? given.slice(index, index + 1));
  } catch (error) {
    // By name alone: a message could quote what it failed on.
    request.log.warn(
      { direction, error: error instanceof Error ? error.name : typeof error },
      'codec failed',
    );
    throw new HttpProblem('invalid_request', {
      detail: `The payloads cannot be ${direction}d with the keys of this server.`,
    });
  }
}
