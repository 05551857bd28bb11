import { setMaxListeners } from 'node:events';
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { auditRequests } from '../server/audit';
import { requireKnownHost } from '../server/host-names';
import { limitLongPolls } from '../server/long-polls';
import { addMethodFallbacks } from '../server/method-fallbacks';
import { measureRequests, measureWebhooks } from '../server/metrics';
import { addProbes, PROBES } from '../server/probes';
import { type Hook, limitPerMinute, loadRateLimits, refusalsPerMinute } from '../server/rate-limits';
import { logRequests } from '../server/request-log';
import { addRoute } from '../server/route';
import { createServer } from '../server/server';
import { traceRequests } from '../server/trace';
import { requireApiKey } from './api-key';
import { atomicWebhookRoute } from './atomic-webhook';
import { type AppDeps, DEFAULT_HTTP_LIMITS } from './deps';
import { addDocs } from './docs-page';
import { jobRoutes } from './job-routes';
import { linkRoutes } from './link-routes';
import { linkTokenRoutes } from './link-token-routes';
import { shedLoad } from './load-shedding';
import { openApiDocument } from './openapi';
import { plaidWebhookRoute } from './plaid-webhook';
import { userRoutes } from './user-routes';
import { addWebhookRoutes } from './webhook-routes';

/** The HTTP API, whole but for listening: routes, webhooks, probes and document. */
export function createApp(deps: AppDeps): FastifyInstance {
  const limits = { ...DEFAULT_HTTP_LIMITS, ...deps.limits };
  const app = createServer({
    logger: deps.logger,
    bodyLimitBytes: limits.apiBodyBytes,
    ...(deps.timeouts && { timeouts: deps.timeouts }),
    ...(deps.trustProxy !== undefined && { trustProxy: deps.trustProxy }),
  });
  logRequests(app);
  if (deps.audit) auditRequests(app, deps.audit);
  if (deps.hostNames) requireKnownHost(app, deps.hostNames);
  traceRequests(app);
  measureRequests(app, deps.metrics);
  shedLoad(app, limits);
  loadRateLimits(app);

  const closing = new AbortController();
  // As many listeners as there are waits; each removes its own.
  setMaxListeners(0, closing.signal);
  app.addHook('preClose', async () => closing.abort());

  const api = [
    ...linkTokenRoutes(deps),
    ...linkRoutes(deps, closing.signal),
    ...jobRoutes(deps.links, closing.signal),
    ...userRoutes(deps.links, closing.signal),
  ];
  const webhookMetrics = measureWebhooks(deps.metrics);
  const webhooks = [atomicWebhookRoute(deps, webhookMetrics), plaidWebhookRoute(deps, webhookMetrics)];
  const documented = [...api, ...webhooks, ...PROBES];

  // A plugin, though not a scope: it has to come after the two above, whose functions it uses.
  app.register(
    fastifyPlugin(async (root) => {
      const byKey = limitPerMinute(root, limits.requestsPerMinutePerKey, ({ caller }) => caller ?? '');
      const countRefusals = refusalsPerMinute(root, limits.refusalsPerMinutePerAddress);
      const limitWaits = limitLongPolls(limits.longPollsPerKey);
      for (const route of api) {
        const checkKey = requireApiKey(deps.apiKeys, route.access);
        const onlyWithKey: Hook = (request) => countRefusals(request, () => checkKey(request));
        addRoute(root, route, [onlyWithKey, byKey, limitWaits]);
      }
      addWebhookRoutes(root, webhooks, {
        bodyLimitBytes: limits.webhookBodyBytes,
        countRefusals,
      });
      addProbes(root, { checkReady: () => deps.links.checkReachable(), metrics: deps.metrics });
      addDocs(root, () => openApiDocument(documented));
      addMethodFallbacks(root, documented);
    }),
  );
  return app;
}
