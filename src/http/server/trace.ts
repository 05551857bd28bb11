import {
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { routeOf } from './request-log';

declare module 'fastify' {
  interface FastifyRequest {
    /** While something is traced: the span of this request. */
    span: Span | undefined;
  }
}

/** A span for each request but those of probes, which takes up the caller's trace. No URL, header, query or body is in it. */
export function traceRequests(app: FastifyInstance): void {
  const tracer = trace.getTracer('processor-link');
  app.decorateRequest('span', undefined);
  app.addHook('onRequest', (request, _reply, done) => {
    if (isTracing() && !request.routeOptions.config.isProbe) request.span = startSpan(request);
    done();
  });
  // After the body has come: it comes in a context of its own.
  app.addHook('preHandler', ({ span }, _reply, done) => {
    if (span) context.with(trace.setSpan(context.active(), span), done);
    else done();
  });
  app.addHook('onResponse', ({ span, problem }, { statusCode }, done) => {
    span?.setAttribute('http.response.status_code', statusCode);
    if (problem !== undefined) span?.setAttribute('error.type', problem);
    if (statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
    done();
  });
  app.addHook('onRequestAbort', ({ span }, done) => {
    span?.setAttribute('error.type', 'caller_gone').end();
    done();
  });

  function startSpan(request: FastifyRequest): Span {
    const { method, headers, id } = request;
    const route = routeOf(request);
    const attributes = {
      'http.request.method': method,
      'http.route': route,
      'processor_link.request_id': id,
    };
    const parent = propagation.extract(ROOT_CONTEXT, headers);
    return tracer.startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, attributes }, parent);
  }
}

/** Without an endpoint for traces there is no propagator, and so nothing that a span would reach. */
function isTracing(): boolean {
  return propagation.fields().length > 0;
}
