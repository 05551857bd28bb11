import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface ReceivedRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
  /** Port of the caller's end: the same one for two requests over one connection. */
  connection: number | undefined;
}

export type Reply = (response: ServerResponse, request: ReceivedRequest) => void;

/** A real HTTP server that does what the test scripts: one reply a request, the last one from then on. */
export interface ScriptedServer {
  url: string;
  received: ReceivedRequest[];
  /** Replies for the requests to come; forgets what was received. */
  script(...replies: [Reply, ...Reply[]]): void;
  /** Resolves when the next request has arrived whole. */
  nextRequest(): Promise<ReceivedRequest>;
  close(): Promise<void>;
}

export async function startScriptedServer(): Promise<ScriptedServer> {
  const received: ReceivedRequest[] = [];
  let replies: Reply[] = [];
  let waiting: ((request: ReceivedRequest) => void)[] = [];
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const request: ReceivedRequest = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
      connection: incoming.socket.remotePort,
    };
    received.push(request);
    for (const tell of waiting) tell(request);
    waiting = [];
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    reply?.(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return {
    url: `http://127.0.0.1:${address.port}`,
    received,
    script: (...next) => {
      replies = next;
      received.length = 0;
    },
    nextRequest: () => new Promise((resolve) => waiting.push(resolve)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return (response) =>
    response
      .writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
      .end(JSON.stringify(body));
}

export function raw(status: number, body: string | Buffer, headers: Record<string, string> = {}): Reply {
  return (response) => response.writeHead(status, headers).end(body);
}

/** Takes the request and never answers. */
export const silence: Reply = () => undefined;

/** Breaks the connection before any answer. */
export const reset: Reply = (response) => response.socket?.resetAndDestroy();

/** Breaks the connection in the middle of a 200's body. */
export const resetInBody: Reply = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"data":', () => response.socket?.resetAndDestroy());
};

/** A 200 whose body goes on byte by byte, so that the connection is never idle and the answer never whole. */
export const trickle: Reply = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"data":[');
  const timer = setInterval(() => response.write(' '), 10);
  response.on('close', () => clearInterval(timer));
};

/** An answer of spaces without end, until the client gives up; `onGivenUp` is told how many bytes were written. */
export function endless(onGivenUp: (bytesWritten: number) => void, status = 200): Reply {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    const chunk = Buffer.alloc(64 * 1024, ' ');
    let written = 0;
    const pump = () => {
      let wantsMore = true;
      while (wantsMore && !response.destroyed) {
        wantsMore = response.write(chunk);
        written += chunk.length;
      }
    };
    response.on('drain', pump);
    response.on('close', () => onGivenUp(written));
    pump();
  };
}
