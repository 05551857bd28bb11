import { once } from 'node:events';
import { createServer } from 'node:net';
import { errorCode } from './error-code';

/**
 * The port, once it is known to be free on `ip`; for 0 a free one. Without this look a server that is already there
 * would be taken for the one being started. Throws when the port is taken.
 */
export async function claimPort(ip: string, port: number): Promise<number> {
  const server = createServer();
  try {
    server.listen(port, ip);
    await once(server, 'listening');
  } catch (error) {
    if (errorCode(error) === 'EADDRINUSE') {
      throw new Error(
        `Port ${port} on ${ip} is taken by another process: end that one, or choose another port.`,
      );
    }
    throw error;
  }
  const address = server.address();
  const closed = once(server, 'close');
  server.close();
  await closed;
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}
