import type { FastifyInstance } from 'fastify';
import { Counter, Histogram, type Registry } from 'prom-client';
import { routeOf } from './request-log';

/** nginx's word for a caller who went away before the answer. */
const CLIENT_CLOSED_REQUEST = '499';

/** Measures every request. Labels are patterns and codes; the paths asked for are not among them. */
export function measureRequests(app: FastifyInstance, registry: Registry): void {
  const durations = new Histogram({
    name: 'processor_link_http_request_duration_seconds',
    help: 'Time from a request to its answer, long polls included.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
    registers: [registry],
  });
  app.addHook('onResponse', (request, reply, done) => {
    const labels = { method: request.method, route: routeOf(request), status: String(reply.statusCode) };
    durations.observe(labels, reply.elapsedTime / 1000);
    done();
  });
  app.addHook('onRequestAbort', (request, done) => {
    durations.observe({ method: request.method, route: routeOf(request), status: CLIENT_CLOSED_REQUEST }, 0);
    done();
  });
}

export type CountWebhook = (provider: 'atomic' | 'plaid', outcome: string) => void;

/** Counts webhooks by sender and outcome; outcomes are constant words of ours. */
export function webhookCounter(registry: Registry): CountWebhook {
  const webhooks = new Counter({
    name: 'processor_link_webhooks_total',
    help: 'Webhooks received, by sender and by what became of them.',
    labelNames: ['provider', 'outcome'],
    registers: [registry],
  });
  return (provider, outcome) => webhooks.inc({ provider, outcome });
}
