import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { atMostEvery } from './at-most-every';
import { withinTemporalDeadline } from './deadline';
import { statusSchema } from './probe-status';
import { HttpProblem } from './problems';
import { logRequests } from './request-log';
import { type RouteDoc, responseSchemas } from './route';
import { createServer } from './server';

export interface ProbeDeps {
  /** Rejects while this process cannot do its work; with a problem, where it is another than that Temporal is away. */
  checkReady: () => Promise<unknown>;
  metrics: Registry;
}

/** Temporal is asked once a second at most, however many ask. */
const CHECK_INTERVAL_MS = 1_000;

const OPEN = { method: 'GET', tag: 'Operation', access: 'everybody' } as const;

const LIVEZ: RouteDoc = {
  ...OPEN,
  url: '/livez',
  operationId: 'livez',
  summary: 'Alive',
  description: 'Answers as long as the process runs.',
  answers: { 200: { description: 'The process runs.', schema: statusSchema } },
  problems: [],
};

const READYZ: RouteDoc = {
  ...OPEN,
  url: '/readyz',
  operationId: 'readyz',
  summary: 'Ready',
  description: 'Whether Temporal is reachable; answers within 5 s.',
  answers: { 200: { description: 'Requests can be served.', schema: statusSchema } },
  problems: ['temporal_unavailable'],
};

const METRICS: RouteDoc = {
  ...OPEN,
  url: '/metrics',
  operationId: 'metrics',
  summary: 'Metrics',
  description: 'In the text format of Prometheus.',
  answers: { 200: { description: 'The metrics.' } },
  problems: [],
};

export const PROBES = [LIVEZ, READYZ, METRICS];

const config = { isProbe: true };

function addLivez(app: FastifyInstance): void {
  app.get(LIVEZ.url, { config, schema: { response: responseSchemas(LIVEZ) } }, async () => ({
    status: 'alive',
  }));
}

/** `/livez`, `/readyz` and `/metrics`. */
export function addProbes(app: FastifyInstance, { checkReady, metrics }: ProbeDeps): void {
  addLivez(app);
  const check = atMostEvery(CHECK_INTERVAL_MS, checkReady);
  app.get(READYZ.url, { config, schema: { response: responseSchemas(READYZ) } }, async () => {
    if (app.isDraining) throw new HttpProblem('temporal_unavailable', { detail: 'This server is stopping.' });
    try {
      await withinTemporalDeadline(check());
    } catch (error) {
      if (error instanceof HttpProblem) throw error;
      throw new HttpProblem('temporal_unavailable', { cause: error });
    }
    return { status: 'ready' };
  });
  app.get(METRICS.url, { config }, async (_request, reply) => {
    reply.type(metrics.contentType);
    return metrics.metrics();
  });
}

/** A server with the probes alone, for a process that serves nothing else: the worker. */
export function createProbeApp(deps: ProbeDeps & { logger: FastifyBaseLogger | false }): FastifyInstance {
  const app = createServer({ logger: deps.logger, bodyLimitBytes: 1024 });
  logRequests(app);
  addProbes(app, deps);
  return app;
}
