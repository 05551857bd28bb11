import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Job } from '../../contract/jobs';
import { isLongPoll } from './long-polls';
import { routeOf } from './request-log';

/** nginx's word for a caller who went away before the answer. */
const CLIENT_CLOSED_REQUEST = '499';

/**
 * Measures every request, and apart from the others those that wait for something. Labels are patterns and codes; the paths
 * asked for are not among them.
 */
export function measureRequests(app: FastifyInstance, registry: Registry): void {
  const labelNames = ['method', 'route', 'status'] as const;
  const requests = new Histogram({
    name: 'processor_link_http_request_duration_seconds',
    help: 'Time from a request to its answer, long polls apart.',
    labelNames,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
    registers: [registry],
  });
  const longPolls = new Histogram({
    name: 'processor_link_long_poll_duration_seconds',
    help: 'Time from a request with waitSeconds to its answer.',
    labelNames,
    buckets: [0.05, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 65],
    registers: [registry],
  });
  const requestsOf = boundOnce((method, route, status) => requests.labels(method, route, status));
  const longPollsOf = boundOnce((method, route, status) => longPolls.labels(method, route, status));
  const observe = (request: FastifyRequest, status: string, durationMs: number) => {
    const seriesOf = isLongPoll(request) ? longPollsOf : requestsOf;
    seriesOf(request.method, routeOf(request), status).observe(durationMs / 1000);
  };
  app.addHook('onResponse', (request, reply, done) => {
    observe(request, String(reply.statusCode), reply.elapsedTime);
    done();
  });
  app.addHook('onRequestAbort', (request, done) => {
    observe(request, CLIENT_CLOSED_REQUEST, 0);
    done();
  });
}

export interface WebhookMetrics {
  /** By sender and outcome; outcomes are constant words of ours. */
  count(provider: 'atomic' | 'plaid', outcome: string): void;
  /** How long after the event, at `eventTime` of ISO 8601, its webhook came. */
  came(job: Job, eventTime: string): void;
}

/** Counts webhooks, and measures how late they are. */
export function measureWebhooks(registry: Registry): WebhookMetrics {
  const webhooks = new Counter({
    name: 'processor_link_webhooks_total',
    help: 'Webhooks received, by sender and by what became of them.',
    labelNames: ['provider', 'outcome'],
    registers: [registry],
  });
  const lags = new Histogram({
    name: 'processor_link_webhook_lag_seconds',
    help: "Time from the end of a job, as Atomic's webhook says, to the webhook that tells of it.",
    labelNames: ['job'],
    buckets: [0.1, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 21_600, 86_400],
    registers: [registry],
  });
  const countOf = boundOnce((provider, outcome) => webhooks.labels(provider, outcome));
  const lagOf = boundOnce((job) => lags.labels(job));
  return {
    count: (provider, outcome) => countOf(provider, outcome).inc(),
    // Their clock may be ahead of ours.
    came: (job, eventTime) => lagOf(job).observe(Math.max(0, (Date.now() - Date.parse(eventTime)) / 1000)),
  };
}

/** Looks up the series of each combination of labels once, which takes longer than to observe a value. */
function boundOnce<Labels extends string[], Series>(
  bind: (...labels: Labels) => Series,
): (...labels: Labels) => Series {
  const bound = new Map<string, Series>();
  return (...labels) => {
    const key = labels.join(' ');
    const known = bound.get(key);
    if (known !== undefined) return known;
    const series = bind(...labels);
    bound.set(key, series);
    return series;
  };
}
