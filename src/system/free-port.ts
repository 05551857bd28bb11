import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { errorCode } from './error-code';

/** Below those that systems give to outgoing connections and to servers on port 0, which could take one meanwhile. */
const FREE_PORTS = { first: 20_000, end: 32_000 } as const;
const MOST_TRIES = 100;

/**
 * The port, once it is known to be free on `ip`; for 0 a free one. Without this look a server that is already there
 * would be taken for the one being started. Throws when the port is taken.
 */
export async function claimPort(ip: string, port: number): Promise<number> {
  if (port !== 0) {
    if (await isFree(ip, port)) return port;
    throw new Error(
      `Port ${port} on ${ip} is taken by another process: end that one, or choose another port.`,
    );
  }
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const candidate = randomInt(FREE_PORTS.first, FREE_PORTS.end);
    if (await isFree(ip, candidate)) return candidate;
  }
  throw new Error(
    `No port from ${FREE_PORTS.first} to ${FREE_PORTS.end - 1} was free on ${ip} in ${MOST_TRIES} tries.`,
  );
}

async function isFree(ip: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, ip);
    await once(server, 'listening');
  } catch (error) {
    if (errorCode(error) === 'EADDRINUSE') return false;
    throw error;
  }
  const closed = once(server, 'close');
  server.close();
  await closed;
  return true;
}
