import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { loggedError } from '../../logging/loggable';
import { looksLikeToken } from '../../logging/looks-like-token';
import { boundBodies, DEFAULT_BODY_BUDGET_BYTES } from './body-budget';
import { endConnectionsOnDrain } from './drain';
import { problemOf } from './problem-of';
import { HttpProblem, PROBLEM_MEDIA_TYPE } from './problems';
import { securityHeaders } from './security-headers';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Never shown by a browser, so that headers for one are left out. */
    isForMachines?: boolean;
  }
}

export interface ServerTimeouts {
  /** For a request's headers to arrive. */
  headersTimeoutMs: number;
  /** For a whole request to arrive. */
  requestTimeoutMs: number;
  /** A connection on which nothing happens: longer than the longest poll, 60 s. */
  idleTimeoutMs: number;
  /** Between two requests: longer than the usual 60 s of load balancers, or they would race with it. */
  keepAliveTimeoutMs: number;
  /** How often the first two are looked at. */
  checkIntervalMs: number;
}

export const DEFAULT_TIMEOUTS: ServerTimeouts = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  idleTimeoutMs: 120_000,
  keepAliveTimeoutMs: 75_000,
  checkIntervalMs: 5000,
};

const MAX_HEADER_BYTES = 16 * 1024;
/** Long polls and webhooks of thousands of users at once; beyond it, connections that say nothing would take the memory. */
const MAX_CONNECTIONS = 10_000;
const REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
export const REQUEST_ID_HEADER = 'x-request-id';

export interface ServerOptions {
  logger: FastifyBaseLogger | false;
  bodyLimitBytes: number;
  /** Of all bodies under way together. Default 64 MiB. */
  bodyBudgetBytes?: number;
  timeouts?: Partial<ServerTimeouts>;
  trustProxy?: string | string[];
}

/**
 * The Fastify instance under each of our servers: problem+json for every failure, request ids, security headers,
 * timeouts, JSON bodies alone. Nothing listens yet.
 */
export function createServer(options: ServerOptions): FastifyInstance {
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const headersForBrowsers = securityHeaders();
  const app: FastifyInstance = fastify({
    ...(options.logger === false ? { logger: false } : { loggerInstance: options.logger }),
    // Fastify's own lines hold the whole URL; `request-log.ts` writes one of allow-listed fields instead.
    logController: new LogController({ disableRequestLogging: true }),
    // A logger for each request costs more than the one line that it writes; each line names its request itself.
    childLoggerFactory: (logger) => logger,
    bodyLimit: options.bodyLimitBytes,
    genReqId: requestIdOf,
    ...(options.trustProxy !== undefined && { trustProxy: options.trustProxy }),
    // No shorter than a URL can be: an id too long is refused by its schema as 400, not by the router as 404.
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    return503OnClosing: false,
    connectionTimeout: timeouts.idleTimeoutMs,
    keepAliveTimeout: timeouts.keepAliveTimeoutMs,
    requestTimeout: timeouts.requestTimeoutMs,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      // Node would refuse a request without it in its own words; the first hook below does in ours.
      requireHostHeader: false,
      headersTimeout: timeouts.headersTimeoutMs,
      requestTimeout: timeouts.requestTimeoutMs,
      connectionsCheckingInterval: timeouts.checkIntervalMs,
    },
    frameworkErrors: (error, request, reply) => {
      reply.header(REQUEST_ID_HEADER, request.id);
      sendProblem(reply, problemOf(error));
    },
    clientErrorHandler: answerBrokenRequest,
  });

  app.server.maxConnections = MAX_CONNECTIONS;
  app.addHook('onRequest', (request, reply, done) => {
    reply.header(REQUEST_ID_HEADER, request.id);
    reply.header('cache-control', 'no-store');
    if (!request.routeOptions.config.isForMachines) reply.headers(headersForBrowsers);
    const lacksHost = request.headers.host === undefined && request.raw.httpVersion === '1.1';
    if (lacksHost) done(new HttpProblem('invalid_request', { detail: 'The header Host is missing.' }));
    else done();
  });
  app.decorateRequest('problem', undefined);
  takeJsonAlone(app);
  endConnectionsOnDrain(app);
  boundBodies(app, options.bodyBudgetBytes ?? DEFAULT_BODY_BUDGET_BYTES);
  app.setNotFoundHandler(() => {
    throw new HttpProblem('not_found');
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    request.problem = problem.code;
    logProblem(problem, request, reply);
    sendProblem(reply, problem);
  });
  return app;
}

function requestIdOf(request: IncomingMessage): string {
  const given = request.headers[REQUEST_ID_HEADER];
  const isPlain = typeof given === 'string' && REQUEST_ID.test(given) && !looksLikeToken(given);
  return isPlain ? given : randomUUID();
}

function takeJsonAlone(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    // Many clients name a content type without sending a body; the route's schema says whether one is needed.
    if (body === '') done(null, undefined);
    else parseJson(request, body.toString(), done);
  });
}

function sendProblem(reply: FastifyReply, problem: HttpProblem): void {
  reply
    .code(problem.status)
    .headers(problem.headers)
    .type(PROBLEM_MEDIA_TYPE)
    .serializer(JSON.stringify)
    .send(problem.body);
}

function logProblem(problem: HttpProblem, request: FastifyRequest, reply: FastifyReply): void {
  if (problem.status < 500 || reply.raw.destroyed) return;
  const fields = {
    requestId: request.id,
    route: request.routeOptions.url,
    problem: problem.code,
    ...(problem.cause !== undefined && { error: loggedError(problem.cause) }),
  };
  if (problem.status === 503) request.log.warn(fields, 'request could not be served');
  else request.log.error(fields, 'request failed');
}

/** What Node refuses before there is a request: headers too large or too slow, or no HTTP at all. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, body } = brokenRequestProblem(error.code);
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} ${body.title}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
  );
}

function brokenRequestProblem(code: string | undefined): HttpProblem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpProblem('payload_too_large', { status: 431, detail: 'The headers are too large.' });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpProblem('invalid_request', { status: 408, detail: 'The request arrived too slowly.' });
    default:
      return new HttpProblem('invalid_request', { status: 400, detail: 'This is not a valid HTTP request.' });
  }
}
