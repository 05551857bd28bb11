import { Runtime, type RuntimeOptions } from '@temporalio/worker';
import { type Logger, temporalLogger } from '../logging/logger';
import { claimPort } from '../system/free-port';

type MetricsOptions = NonNullable<NonNullable<RuntimeOptions['telemetryOptions']>['metrics']>;

/** In seconds. A link waits for its user or for Atomic, from seconds to days. */
const BUCKETS = {
  processor_link_time_to_linked_seconds: [
    1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400, 259_200, 604_800,
  ],
};

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
      return response.ok ? inSnakeCase(await response.text()) : '';
    },
  };
}

/**
 * Labels that the SDK adds to metrics of workflows have names in camel case, unlike its others and those of Prometheus. A
 * quote in a label's value is escaped, so that no value is taken for a label.
 */
function inSnakeCase(metrics: string): string {
  return metrics.replaceAll(/([{,])(taskQueue|workflowType)="/g, (_, before: string, name: string) => {
    return `${before}${name === 'taskQueue' ? 'task_queue' : 'workflow_type'}="`;
  });
}

function prometheusMetrics(port: number): MetricsOptions {
  return {
    prometheus: {
      bindAddress: `${LOOPBACK}:${port}`,
      countersTotalSuffix: true,
      unitSuffix: true,
      useSecondsForDurations: true,
      histogramBucketOverrides: BUCKETS,
    },
  };
}

/** By OTLP over gRPC to its usual port 4317, else over HTTP. */
function otlpMetrics(endpoint: string): MetricsOptions {
  const http = new URL(endpoint).port !== '4317';
  const url = http ? `${endpoint.replace(/\/+$/, '')}/v1/metrics` : endpoint;
  return {
    otel: {
      url,
      http,
      useSecondsForDurations: true,
      metricsExportInterval: '10s',
      histogramBucketOverrides: BUCKETS,
    },
  };
}
