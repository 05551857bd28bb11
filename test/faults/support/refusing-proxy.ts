import { once } from 'node:events';
import {
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
} from 'node:http2';

/** What Temporal says to a call while its database is away. The SDK does not repeat it. */
const DEADLINE_EXCEEDED = '4';

export interface RefusingProxy {
  address: string;
  /** Calls that were refused so far, by their methods. */
  refused: string[];
  /** Refuses the next so many calls of these methods of the workflow service. */
  refuse(times: number, methods: readonly string[]): void;
  close(): Promise<void>;
}

/** A gRPC proxy before a Temporal server, which refuses what it is told to. */
export async function startRefusingProxy(targetAddress: string): Promise<RefusingProxy> {
  const upstream = connect(`http://${targetAddress}`);
  const sessions = new Set<ServerHttp2Session>();
  const refused: string[] = [];
  let refusing: { left: number; methods: readonly string[] } = { left: 0, methods: [] };

  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (inbound, headers) => {
    const method = headers[':path']?.split('/').at(-1) ?? '';
    if (refusing.left > 0 && refusing.methods.includes(method)) {
      refusing.left -= 1;
      refused.push(method);
      const refusal = { 'content-type': 'application/grpc', 'grpc-status': DEADLINE_EXCEEDED };
      inbound.respond({ ':status': 200, ...refusal }, { endStream: true });
      return;
    }
    const outbound = upstream.request({
      ':method': 'POST',
      ':path': headers[':path'] ?? '',
      ...plain(headers),
    });
    inbound.on('error', () => outbound.destroy());
    inbound.on('close', () => outbound.destroy());
    outbound.on('error', () => inbound.destroy());
    outbound.on('response', (answer, flags) => {
      const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      inbound.respond({ ':status': 200, ...plain(answer) }, { endStream, waitForTrailers: !endStream });
      if (endStream) return;
      let trailers: IncomingHttpHeaders = {};
      outbound.on('trailers', (last) => {
        trailers = last;
      });
      inbound.on('wantTrailers', () => inbound.sendTrailers(plain(trailers)));
      outbound.pipe(inbound);
    });
    inbound.pipe(outbound);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    address: `127.0.0.1:${address !== null && typeof address === 'object' ? address.port : ''}`,
    refused,
    refuse(left, methods) {
      refusing = { left, methods };
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const session of sessions) session.destroy();
      upstream.destroy();
      await closed;
    },
  };
}

function plain(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':')));
}
