/** `npm run worker`: runs links, a process of its own. */

import type { NativeConnection } from '@temporalio/worker';
import { createProbeApp } from '../http/server/probes';
import { HttpProblem } from '../http/server/problems';
import { problemsAtStart } from '../operator/doctor/at-start';
import { encryptedPayloadCounter, gaugeKeys } from '../process/encryption-metrics';
import { readEnvironment } from '../process/environment';
import { keepSearchAttributes } from '../process/keep-search-attributes';
import { listenOn } from '../process/listen';
import { processMetrics } from '../process/process-metrics';
import { measureProviders } from '../process/provider-metrics';
import { type Entry, runEntry, type StartContext } from '../process/run-entry';
import { atomicOf, keyRingOf, plaidOf } from '../process/wiring';
import { watchBoth } from '../providers/watch-requests';
import type { SettingsOf } from '../settings/schema';
import { workerSchema } from '../settings/schemas';
import { startTracing } from '../tracing/start-tracing';
import { traceProviders } from '../tracing/trace-providers';
import { connectWhenReady } from '../worker/connect-when-ready';
import { KeyRefusals } from '../worker/key-refusals';
import { measureSteps } from '../worker/metrics';
import { installRuntime } from '../worker/sdk-runtime';
import { type RunningWorker, startWorker } from '../worker/start-worker';
import { boundWorkflowHeaps } from '../worker/workflow-heap';

type WorkerSettings = SettingsOf<typeof workerSchema>;

const entry: Entry<WorkerSettings> = {
  name: 'worker',
  readSettings: workerSchema.read,
  async start({ settings, logger, stop }) {
    const { work, temporal } = settings;
    const { connectConfig, namespace, taskQueue } = temporal;
    const keyRing = await keyRingOf(temporal, logger);
    const runtime = await installRuntime({ logger, otlpEndpoint: work.otlpEndpoint });
    const metrics = processMetrics({ more: runtime.readMetrics, buildId: work.deployment?.buildId });
    gaugeKeys(metrics, keyRing);
    const refusals = new KeyRefusals();
    const tracing = startTracing({ endpoint: work.otlpEndpoint, part: 'worker', logger });
    const measured = watchBoth(measureProviders(metrics), refusals.watch);
    const watch = watchBoth(traceProviders, measured);
    boundWorkflowHeaps(
      work.maxCachedWorkflows,
      [...process.execArgv, readEnvironment().NODE_OPTIONS ?? ''].join(' '),
    );

    let checkReady = async (): Promise<unknown> => {
      throw notReady('The worker has not started yet.');
    };
    const probes = createProbeApp({ checkReady: () => checkReady(), metrics, logger });
    const url = await listenOn(probes, { host: work.host, port: work.port, variable: 'WORKER_PORT' });
    logger.info({ url }, 'probes are listening');

    const connection = await connectWhenReady({ connectConfig, namespace, logger, stop });
    const attributes = keepSearchAttributes({ connection, namespace, logger });
    stop.addEventListener('abort', attributes.stop, { once: true });
    await attributes.done;
    stop.throwIfAborted();
    void warnOfProblems(settings, { connection, logger, stop });
    const worker: RunningWorker = await startWorker({
      connection,
      namespace,
      taskQueue,
      keyRing,
      plaid: plaidOf(settings.plaid, watch),
      atomic: atomicOf(settings.atomic, watch),
      work,
      interceptor: measureSteps(metrics),
      onPayloadEncrypted: encryptedPayloadCounter(metrics),
      logger,
    });
    void runtime.taskLost.then(worker.close).catch(() => undefined);
    checkReady = async () => {
      if (!worker.isPolling()) throw notReady('The worker does not poll.');
      await connection.workflowService.getSystemInfo({});
      const refusal = refusals.standing;
      if (refusal) throw keysRefused(refusal);
    };
    logger.info({ namespace, taskQueue, deployment: work.deployment }, 'worker is polling');

    return {
      ended: worker.ended.then(() => {
        throw new Error('The worker ended by itself.');
      }),
      async close() {
        attributes.stop();
        await worker.close();
        await connection.close();
        await probes.close();
        await tracing.stop();
        logger.info('worker has stopped');
      },
    };
  },
};

/** Says in the log what `npm run doctor` would say, while the worker starts all the same. */
async function warnOfProblems(
  { plaid, atomic, temporal: { namespace }, work: { deployment } }: WorkerSettings,
  {
    connection,
    logger,
    stop,
  }: Pick<StartContext<WorkerSettings>, 'logger' | 'stop'> & { connection: NativeConnection },
): Promise<void> {
  const problems = await problemsAtStart({
    place: { connection, namespace, deployment },
    plaid: { calls: plaidOf(plaid), baseUrl: plaid.baseUrl },
    atomic: atomicOf(atomic),
  });
  if (stop.aborted) return;
  for (const { name, message, fix } of problems) logger.warn({ check: name, fix }, message);
}

function notReady(detail: string): HttpProblem {
  return new HttpProblem('temporal_unavailable', { detail });
}

/** No traffic comes to a worker, so that being unready takes nothing away: it shows, and holds up a rollout. */
function keysRefused({ provider, code }: { provider: 'plaid' | 'atomic'; code: string }): HttpProblem {
  const name = provider === 'plaid' ? 'Plaid' : 'Atomic';
  return new HttpProblem('configuration_error', {
    detail: `${name} refuses the keys of this worker (${code}).`,
  });
}

void runEntry(entry);
