import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HttpProblem } from '../server/problems';
import type { CountRefusals } from '../server/rate-limits';
import { type RouteDoc, responseSchemas } from '../server/route';

/** A webhook as it came: nothing of it is known to be true. */
export interface RawWebhook {
  rawBody: Buffer;
  request: FastifyRequest;
}

export interface WebhookRoute extends RouteDoc {
  /** Resolves when the sender may forget the webhook; otherwise throws a problem. */
  take(webhook: RawWebhook): Promise<void>;
}

/**
 * Routes that get the raw body, in a scope of their own: everywhere else bodies are parsed. Every content type is
 * read, up to the limit, because too large (413) is said before wrong type (415), and that before wrong signature.
 */
export function addWebhookRoutes(
  app: FastifyInstance,
  routes: readonly WebhookRoute[],
  options: { bodyLimitBytes: number; countRefusals: CountRefusals },
): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit: options.bodyLimitBytes },
      (_request, body, done) => done(null, body),
    );
    // Fastify refuses a type that is malformed before it looks at the size.
    scope.addHook('onRequest', ({ headers }, _reply, done) => {
      const bytes = Number(headers['content-length'] ?? 0);
      if (bytes > options.bodyLimitBytes) done(new HttpProblem('payload_too_large'));
      else done();
    });
    for (const route of routes) {
      scope.route({
        method: route.method,
        url: route.url,
        config: { isForMachines: true },
        schema: { response: responseSchemas(route) },
        handler: async (request: FastifyRequest, _reply: FastifyReply) => {
          if (!isJsonAsIs(request)) throw new HttpProblem('unsupported_media_type');
          const rawBody = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
          await options.countRefusals(request, () => route.take({ rawBody, request }));
          return { received: true };
        },
      });
    }
  });
}

/** A body without a type is taken for JSON; a compressed one would be signed in a form that is not seen here. */
function isJsonAsIs({ headers, mediaType }: FastifyRequest): boolean {
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') return false;
  return headers['content-type'] === undefined || mediaType === 'application/json';
}
