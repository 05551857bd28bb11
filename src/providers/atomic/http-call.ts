import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Agents } from '../agents';

export interface HttpCall {
  url: URL;
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
  headers: IncomingHttpHeaders;
  /** Undefined when the body is over the cap; its connection is then closed at once. */
  bytes: Uint8Array | undefined;
}

/**
 * One request over Node's own client, which sends a body with a GET and follows no redirect. Rejects when no whole
 * answer came; a refusal (4xx, 5xx) whose body breaks off is an answer all the same, with what came of it.
 */
export async function callHttp(agents: Agents, call: HttpCall): Promise<HttpAnswer> {
  const response = await responseTo(agents, call);
  const { statusCode: status = 0, headers } = response;
  try {
    return { status, headers, bytes: await readCapped(response, call.maxBytes) };
  } catch (error) {
    if (status < 400) throw error;
    return { status, headers, bytes: new Uint8Array() };
  }
}

function responseTo(
  agents: Agents,
  { url, method, headers, body, signal }: HttpCall,
): Promise<IncomingMessage> {
  const isSecure = url.protocol === 'https:';
  return new Promise((resolve, reject) => {
    const request = (isSecure ? httpsRequest : httpRequest)(url, {
      method,
      agent: isSecure ? agents.httpsAgent : agents.httpAgent,
      headers: {
        'accept-encoding': 'gzip',
        ...headers,
        ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
      },
      signal,
    });
    request.once('response', resolve);
    // Not once: an aborted request can say so twice.
    request.on('error', reject);
    request.end(body);
  });
}

async function readCapped(response: IncomingMessage, maxBytes: number): Promise<Uint8Array | undefined> {
  const announcedBytes = Number(response.headers['content-length'] ?? 0);
  if (announcedBytes > maxBytes) {
    response.destroy();
    return undefined;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of decoded(response)) {
      const bytes: Uint8Array = chunk;
      length += bytes.length;
      if (length > maxBytes) return undefined;
      chunks.push(bytes);
    }
    return Buffer.concat(chunks);
  } finally {
    // After a whole body this does nothing; else it closes the connection.
    if (!response.complete) response.destroy();
  }
}

function decoded(response: IncomingMessage): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response;
  const gunzip = createGunzip();
  response.once('error', (error) => gunzip.destroy(error));
  response.once('aborted', () => gunzip.destroy(new Error('The answer broke off.')));
  return response.pipe(gunzip);
}
