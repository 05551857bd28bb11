import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { HttpProblem } from './problems';

/**
 * Serves this machine's names, addresses, and the names given, and no other: a web page can point a name of its own at this
 * machine and so reach it from a browser, but cannot hide that name.
 */
export function requireKnownHost(app: FastifyInstance, names: readonly string[]): void {
  const known = new Set(['localhost', ...names.map((name) => name.toLowerCase())]);
  app.addHook('onRequest', async ({ hostname }) => {
    const name = hostname.toLowerCase().replace(/^\[|\]$/g, '');
    if (known.has(name) || isIP(name) !== 0) return;
    throw new HttpProblem('unauthorized', { status: 403, detail: 'This host name is not served here.' });
  });
}
