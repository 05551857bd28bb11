import { Runtime, type RuntimeOptions } from '@temporalio/worker';
import { type Logger, temporalLogger } from '../logging/logger';
import { claimPort } from '../system/free-port';

type MetricsOptions = NonNullable<NonNullable<RuntimeOptions['telemetryOptions']>['metrics']>;

const LOOPBACK = '127.0.0.1';
const SCRAPE_TIMEOUT_MS = 2_000;

/**
 * The Temporal SDK's runtime, once a process and before anything else of the worker package: its log lines, Core's and
 * those of workflows and activities, go through our logger, and signals are left to the entry point. Metrics go to the
 * OTLP endpoint where there is one, else to a port of this machine, from where `readMetrics` fetches them as text.
 */
export async function installRuntime({
  logger,
  otlpEndpoint,
}: {
  logger: Logger;
  otlpEndpoint: string | undefined;
}): Promise<{ readMetrics(): Promise<string> }> {
  const port = otlpEndpoint === undefined ? await claimPort(LOOPBACK, 0) : undefined;
  Runtime.install({
    logger: temporalLogger(logger),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
      metrics: port === undefined ? otlpMetrics(otlpEndpoint ?? '') : prometheusMetrics(port),
    },
  });
  return {
    async readMetrics() {
      if (port === undefined) return '';
      const response = await fetch(`http://${LOOPBACK}:${port}/metrics`, {
        signal: AbortSignal.timeout(SCRAPE_TIMEOUT_MS),
      });
      return response.ok ? await response.text() : '';
    },
  };
}

function prometheusMetrics(port: number): MetricsOptions {
  return {
    prometheus: {
      bindAddress: `${LOOPBACK}:${port}`,
      countersTotalSuffix: true,
      unitSuffix: true,
      useSecondsForDurations: true,
    },
  };
}

/** OTLP over HTTP by its usual port 4318 or a path, else over gRPC. */
function otlpMetrics(endpoint: string): MetricsOptions {
  const url = new URL(endpoint);
  const http = url.port === '4318' || url.pathname !== '/';
  const path = http && url.pathname === '/' ? '/v1/metrics' : '';
  return {
    otel: { url: `${endpoint}${path}`, http, useSecondsForDurations: true, metricsExportInterval: '10s' },
  };
}
