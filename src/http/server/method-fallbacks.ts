import { METHODS } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { HttpProblem } from './problems';

/** Answers the other methods of known paths: OPTIONS with `Allow`, the rest with 405 and `Allow`. */
export function addMethodFallbacks(
  app: FastifyInstance,
  routes: readonly { method: string; url: string }[],
): void {
  const methodsOf = new Map<string, Set<string>>();
  for (const { method, url } of routes) {
    const methods = methodsOf.get(url) ?? new Set(['OPTIONS']);
    methods.add(method);
    if (method === 'GET') methods.add('HEAD');
    methodsOf.set(url, methods);
  }
  // What Node's parser does not know cannot come, and cannot be routed.
  const others = app.supportedMethods.filter((method) => METHODS.includes(method));
  for (const [url, methods] of methodsOf) {
    const allow = [...methods].sort().join(', ');
    app.route({
      method: 'OPTIONS',
      url,
      handler: async (_request, reply) => {
        reply.code(204).header('allow', allow);
      },
    });
    app.route({
      method: others.filter((method) => !methods.has(method)),
      url,
      // Before the body is looked at: its type and size do not matter here.
      onRequest: async () => {
        throw new HttpProblem('method_not_allowed', { headers: { allow } });
      },
      handler: async () => undefined,
    });
  }
}
