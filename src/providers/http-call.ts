import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Agent, buildConnector, type Dispatcher, request } from 'undici';

/** Shorter than load balancers usually keep an idle connection, so that a call seldom meets a closed one. */
const IDLE_CONNECTION_TIMEOUT_MS = 30_000;
/** Name look-up, TCP and TLS together. */
const CONNECT_TIMEOUT_MS = 5_000;

/** Errors of connections that never came about, so that no byte of a request was sent on them. */
const neverConnected = new WeakSet<object>();

/** Whether a call failed before it had a connection: it cannot have reached the provider. */
export function failedToConnect(error: unknown): boolean {
  return typeof error === 'object' && error !== null && neverConnected.has(error);
}

export interface HttpCall {
  url: string;
  method: 'GET' | 'POST' | 'DELETE';
  headers: Readonly<Record<string, string>>;
  /** JSON text; sent with any method, a GET too. */
  body?: string;
  /** Of the answer's body, counted after decompression. */
  maxBytes: number;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  /** Names in lower case; of a repeated header the first value. */
  headers: Readonly<Record<string, string | undefined>>;
  /** Undefined when the body is over the cap; its connection is then closed at once. */
  bytes: Uint8Array | undefined;
  /** Set when the body broke off; `bytes` is then empty. */
  brokenOff?: unknown;
}

export type CallHttp = (call: HttpCall) => Promise<HttpAnswer>;

/**
 * Requests over a pool that keeps connections open, with a deadline for connecting of its own: a call that cannot have
 * reached the provider is told from one that may have ({@link failedToConnect}). One attempt; redirects are not
 * followed and proxies of the environment are not used. Rejects when no status came, with the signal's reason when that
 * aborted the call.
 */
export function createCallHttp(connectTimeoutMs = CONNECT_TIMEOUT_MS): CallHttp {
  const connect = buildConnector({ timeout: connectTimeoutMs });
  const dispatcher = new Agent({
    connect: (options, done) =>
      connect(options, (...[error, socket]) => {
        if (error === null) return done(null, socket);
        neverConnected.add(error);
        done(error, null);
      }),
    keepAliveTimeout: IDLE_CONNECTION_TIMEOUT_MS,
    // The whole call has one deadline, in its signal.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return async ({ url, method, headers, body, maxBytes, signal }) => {
    const response = await request(url, {
      dispatcher,
      method,
      headers: { 'accept-encoding': 'gzip', ...headers },
      ...(body !== undefined && { body }),
      signal,
    });
    const answer = { status: response.statusCode, headers: firstOfEach(response.headers) };
    try {
      return { ...answer, bytes: await readCapped(response.body, answer.headers, maxBytes) };
    } catch (brokenOff) {
      return { ...answer, bytes: new Uint8Array(), brokenOff };
    }
  };
}

function firstOfEach(headers: Dispatcher.ResponseData['headers']): HttpAnswer['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}

async function readCapped(
  body: Readable,
  headers: HttpAnswer['headers'],
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  // Closing a connection before its end is an error of the stream too.
  body.on('error', () => undefined);
  try {
    if (Number(headers['content-length'] ?? 0) > maxBytes) return undefined;
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of decoded(body, headers)) {
      const bytes: Uint8Array = chunk;
      length += bytes.length;
      if (length > maxBytes) return undefined;
      chunks.push(bytes);
    }
    return Buffer.concat(chunks);
  } finally {
    // After a whole body this does nothing; else it closes the connection.
    body.destroy();
  }
}

function decoded(body: Readable, headers: HttpAnswer['headers']): Readable {
  if (headers['content-encoding'] !== 'gzip') return body;
  const gunzip = createGunzip();
  body.once('error', (error) => gunzip.destroy(error));
  return body.pipe(gunzip);
}
