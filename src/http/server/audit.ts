import type { FastifyInstance, FastifyRequest } from 'fastify';
import { userIdSchema } from '../../contract/schemas';
import type { AuditEvent, AuditLog } from '../../logging/audit-log';
import { looksLikeToken } from '../../logging/looks-like-token';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What calling this route is, in the audit trail. Routes without it are not audited. */
    action?: string;
  }
  interface FastifyRequest {
    /** Code of the problem that the request is answered with. */
    problem: string | undefined;
    /** What the route adds to its event. */
    audited: Pick<AuditEvent, 'namespace' | 'workflowIds'> | undefined;
  }
}

/** One event per request to a route that has an action, refused ones included; under /v1, also where there is no route. */
export function auditRequests(app: FastifyInstance, audit: AuditLog): void {
  app.decorateRequest('audited', undefined);
  app.addHook('onResponse', (request, reply, done) => {
    const { action = isOfCallers(request) ? 'unknown' : undefined } = request.routeOptions.config;
    if (action !== undefined) {
      audit({
        action,
        caller: request.caller,
        user: userOf(request),
        address: request.ip,
        outcome: request.problem ?? (reply.sent ? 'done' : 'caller_gone'),
        status: reply.statusCode,
        requestId: request.id,
        ...request.audited,
      });
    }
    done();
  });
}

function isOfCallers({ url }: FastifyRequest): boolean {
  return /^\/v1(\/|\?|$)/.test(url);
}

/** The user whom the path or the body names. What is no id, or a token in its place, is not repeated. */
function userOf({ params, body }: FastifyRequest): string | undefined {
  const named = [params, body].map((part) =>
    typeof part === 'object' && part !== null && 'userId' in part ? part.userId : undefined,
  );
  const user = userIdSchema.safeParse(named.find((one) => one !== undefined));
  return user.success && !looksLikeToken(user.data) ? user.data : undefined;
}
