import cors from '@fastify/cors';
import type { Payload, PayloadCodec } from '@temporalio/common';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import type { AuditLog } from '../../logging/audit-log';
import { looksLikeToken } from '../../logging/looks-like-token';
import { auditRequests } from '../server/audit';
import { inputErrors } from '../server/input-errors';
import { addMethodFallbacks } from '../server/method-fallbacks';
import { measureRequests } from '../server/metrics';
import { addProbes, PROBES } from '../server/probes';
import { HttpProblem } from '../server/problems';
import { limitPerMinute, loadRateLimits, refusalsPerMinute } from '../server/rate-limits';
import { logRequests } from '../server/request-log';
import { createServer, REQUEST_ID_HEADER, type ServerTimeouts } from '../server/server';
import { type CodecAction, type CodecAuth, requireCodecAccess } from './access';
import { fromJson, type JsonPayload, payloadsSchemas, toJson, workflowIdOf } from './json-payloads';

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
  /** One event per call. Default: none is written. */
  audit?: AuditLog;
  metrics: Registry;
  /** `0` turns one off. */
  limits?: Partial<typeof DEFAULT_LIMITS>;
  /** Default 16 MiB: an event is at most 4 MB before base64. */
  bodyLimitBytes?: number;
  timeouts?: Partial<ServerTimeouts>;
}

const NAMESPACE_HEADER = 'x-namespace';
const DEFAULT_BODY_LIMIT_BYTES = 16 * 1024 * 1024;
const ACTIONS = ['encode', 'decode'] as const satisfies CodecAction[];
/** A page of the Temporal UI asks for some hundred payloads, some of them one by one. */
const DEFAULT_LIMITS = { callsPerMinutePerCaller: 6_000, refusalsPerMinutePerAddress: 300 };
const MAX_AUDITED_WORKFLOWS = 100;

/**
 * The codec server, whole but for listening: `POST /encode` and `POST /decode` as Temporal's UI and CLI call them, with or
 * without the namespace before them, and the probes. Payloads are in no log and in no error; sealed tokens stay sealed, for
 * the codec has not their key.
 */
export function createCodecApp(deps: CodecAppDeps): FastifyInstance {
  const { allowedOrigins, metrics } = deps;
  const limits = { ...DEFAULT_LIMITS, ...deps.limits };
  const app = createServer({
    logger: deps.logger,
    bodyLimitBytes: deps.bodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES,
    ...(deps.timeouts && { timeouts: deps.timeouts }),
  });
  logRequests(app);
  if (deps.audit) auditRequests(app, deps.audit);
  measureRequests(app, metrics);
  loadRateLimits(app);
  app.addHook('onRequest', async ({ headers: { origin } }) => {
    if (origin === undefined || allowedOrigins.includes(origin)) return;
    throw new HttpProblem('unauthorized', { status: 403, detail: 'This origin is not allowed.' });
  });
  app.register(cors, {
    origin: [...allowedOrigins],
    methods: ['POST'],
    allowedHeaders: [
      'authorization',
      // The UI's own token of its login, beside the access token.
      'authorization-extras',
      'content-type',
      NAMESPACE_HEADER,
      REQUEST_ID_HEADER,
    ],
    exposedHeaders: [REQUEST_ID_HEADER],
    credentials: true,
    strictPreflight: false,
    maxAge: 600,
  });
  const checkAccess = requireCodecAccess(deps.auth, deps.namespace);
  app.register(async (scope) => {
    const countRefusals = refusalsPerMinute(scope, limits.refusalsPerMinutePerAddress);
    const byCaller = limitPerMinute(scope, limits.callsPerMinutePerCaller, ({ caller, ip }) => caller ?? ip);
    addProbes(scope, { checkReady: async () => undefined, metrics });
    const routes = ACTIONS.flatMap((action) =>
      [`/${action}`, `/:namespace/${action}`].map((url) => ({ method: 'POST', url, action })),
    );
    for (const { url, action } of routes) {
      scope.post<{ Params: { namespace?: string } }>(url, {
        config: { action },
        onRequest: [(request) => countRefusals(request, () => checkAccess(request, action)), byCaller],
        handler: async (request) => {
          requireNamespace(request, deps.namespace);
          const body = payloadsSchemas[action].safeParse(request.body ?? {});
          if (!body.success)
            throw new HttpProblem('invalid_request', { errors: inputErrors(body.error.issues) });
          const payloads = body.data.payloads ?? [];
          request.audited = { namespace: deps.namespace, workflowIds: workflowIdsOf(payloads) };
          return { payloads: await (action === 'encode' ? encode : decode)(deps, payloads, request) };
        },
      });
    }
    addMethodFallbacks(scope, [...routes, ...PROBES]);
  });
  return app;
}

/** By the header, the path or neither: the CLI sends an empty header where it has no namespace. */
function requireNamespace(
  { headers, params }: FastifyRequest<{ Params: { namespace?: string } }>,
  namespace: string,
): void {
  const asked = [headers[NAMESPACE_HEADER], params.namespace].filter(
    (one) => one !== undefined && one !== '',
  );
  if (asked.every((one) => one === namespace)) return;
  throw new HttpProblem('unauthorized', { status: 403, detail: 'This namespace is not served here.' });
}

function workflowIdsOf(payloads: readonly JsonPayload[]): string[] {
  const ids = payloads.flatMap((payload) => workflowIdOf(payload) ?? []).filter((id) => !looksLikeToken(id));
  return [...new Set(ids)].slice(0, MAX_AUDITED_WORKFLOWS);
}

async function encode(
  { codec }: CodecAppDeps,
  payloads: readonly JsonPayload[],
  request: FastifyRequest,
): Promise<JsonPayload[]> {
  try {
    return (await codec.encode(payloads.map(fromJson))).map(toJson);
  } catch (error) {
    logFailure(request, error);
    throw new HttpProblem('invalid_request', {
      detail: 'The payloads cannot be encoded with the keys of this server.',
    });
  }
}

/** What is not the codec's, or cannot be decoded, is handed back as it came, so that the rest is read. */
async function decode(
  { codec, isEncoded }: CodecAppDeps,
  given: readonly JsonPayload[],
  request: FastifyRequest,
): Promise<JsonPayload[]> {
  const decoded = await Promise.all(
    given.map(async (payload) => {
      const encoded = fromJson(payload);
      if (!isEncoded(encoded)) return [payload];
      try {
        return (await codec.decode([encoded])).map(toJson);
      } catch (error) {
        logFailure(request, error);
        return [payload];
      }
    }),
  );
  return decoded.flat();
}

/** By name alone: a message could quote what it failed on. */
function logFailure(request: FastifyRequest, error: unknown): void {
  request.log.warn(
    { requestId: request.id, error: error instanceof Error ? error.name : typeof error },
    'codec failed',
  );
}
