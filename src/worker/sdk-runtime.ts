import { Runtime, type RuntimeOptions, type Logger as TemporalLogger } from '@temporalio/worker';
import { type Logger, temporalLogger } from '../logging/logger';
import { claimPort } from '../system/free-port';

type MetricsOptions = NonNullable<NonNullable<RuntimeOptions['telemetryOptions']>['metrics']>;

/** In seconds. A link waits for its user or for Atomic, from seconds to days. */
const BUCKETS = {
  processor_link_time_to_linked_seconds: [
    1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400, 259_200, 604_800,
  ],
};

/**
 * What the SDK's core logs where two tasks of a run that is not in the cache, one with its whole history and one without, had
 * both to wait for a place in a full cache (sdk-core 1.24, `process_post_activation`). The core forgets that it owes the run an
 * answer, and takes no further task of it for as long as the process lives.
 */
const LOST_TASK = 'Extra buffered run should not have produced an activation';

const LOOPBACK = '127.0.0.1';
const SCRAPE_TIMEOUT_MS = 2_000;

/**
 * The Temporal SDK's runtime, once a process and before anything else of the worker package: its log lines, Core's and
 * those of workflows and activities, go through our logger, and signals are left to the entry point. Metrics go to the
 * OTLP endpoint where there is one, else to a port of this machine, from where `readMetrics` fetches them as text: Core
 * has one exporter. `taskLost` resolves once a run stands still until this process has ended.
 */
export async function installRuntime({
  logger,
  otlpEndpoint,
}: {
  logger: Logger;
  otlpEndpoint: string | undefined;
}): Promise<{ readMetrics(): Promise<string>; taskLost: Promise<void> }> {
  const port = otlpEndpoint === undefined ? await claimPort(LOOPBACK, 0) : undefined;
  const watched = watchForLostTask(temporalLogger(logger));
  if (otlpEndpoint !== undefined) {
    logger.info(
      'OTEL_EXPORTER_OTLP_ENDPOINT is set: temporal_* metrics and the outcomes of links go there, and are not at /metrics',
    );
  }
  Runtime.install({
    logger: watched.logger,
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
      metrics: port === undefined ? otlpMetrics(otlpEndpoint ?? '') : prometheusMetrics(port),
    },
  });
  return {
    taskLost: watched.taskLost,
    async readMetrics() {
      if (port === undefined) return '';
      const response = await fetch(`http://${LOOPBACK}:${port}/metrics`, {
        signal: AbortSignal.timeout(SCRAPE_TIMEOUT_MS),
      });
      return response.ok ? inSnakeCase(await response.text()) : '';
    },
  };
}

/** The same log, and the moment at which the core says that it has lost a task. */
export function watchForLostTask(logger: TemporalLogger): {
  logger: TemporalLogger;
  taskLost: Promise<void>;
} {
  let resolve = () => {};
  const taskLost = new Promise<void>((resolved) => {
    resolve = resolved;
  });
  const log: TemporalLogger['log'] = (level, message, meta) => {
    logger.log(level, message, meta);
    if (!message.includes(LOST_TASK)) return;
    logger.error('The SDK has lost a task: this worker exits, so that another one continues the run.');
    resolve();
  };
  return { taskLost, logger: { ...logger, log } };
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
