import type { FastifyInstance } from 'fastify';
import { errorCode } from '../system/error-code';
import { StartError } from './start-error';

/**
 * Listens, and says where: with port 0 it is the system that chooses. `variable` is the setting that is to be changed
 * where the port is taken. Throws {@link StartError}.
 */
export async function listenOn(
  app: FastifyInstance,
  { host, port, variable }: { host: string; port: number; variable: string },
): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL') {
      throw new StartError(
        `Cannot listen on ${host}, port ${port} (${code}). End what uses it, or set ${variable}.`,
      );
    }
    throw error;
  }
  const address = app.server.address();
  return urlOf(host, address !== null && typeof address === 'object' ? address.port : port);
}

/** An HTTP server's URL; IPv6 addresses stand in brackets. */
export function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
