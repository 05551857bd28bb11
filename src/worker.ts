/** `npm run worker`: runs links, a process of its own. */
import { type Entry, runEntry } from './entry';
import { createProbeApp } from './http/probes';
import { keepSearchAttributes } from './keep-search-attributes';
import { listenOn } from './listen';
import { type RunningWorker, startWorker } from './run-worker';
import { installRuntime } from './runtime';
import { readWorkerSettings } from './settings';
import type { WorkerSettings } from './settings-types';
import { connectWhenReady } from './temporal-ready';
import { atomicOf, keyRingOf, plaidOf } from './wiring';
import { workerMetrics } from './worker-metrics';

const entry: Entry<WorkerSettings> = {
  name: 'worker',
  readSettings: readWorkerSettings,
  async start({ settings, logger, stop }) {
    const { work, temporal } = settings;
    const { connectConfig, namespace, taskQueue } = temporal;
    const keyRing = await keyRingOf(temporal, logger);
    const runtime = await installRuntime({ logger, otlpEndpoint: work.otlpEndpoint });
    const { registry, interceptor } = workerMetrics(runtime.readMetrics);

    let checkReady = async (): Promise<unknown> => {
      throw new Error('The worker has not started yet.');
    };
    const probes = createProbeApp({ checkReady: () => checkReady(), metrics: registry, logger });
    const url = await listenOn(probes, { host: work.host, port: work.port, variable: 'WORKER_PORT' });
    logger.info({ url }, 'probes are listening');

    const connection = await connectWhenReady({ connectConfig, namespace, logger, stop });
    const attributes = keepSearchAttributes({ connection, namespace, logger });
    stop.addEventListener('abort', attributes.stop, { once: true });
    await attributes.done;
    stop.throwIfAborted();
    const worker: RunningWorker = await startWorker({
      connection,
      namespace,
      taskQueue,
      keyRing,
      plaid: plaidOf(settings.plaid),
      atomic: atomicOf(settings.atomic),
      work,
      interceptor,
      logger,
    });
    checkReady = async () => {
      if (!worker.isPolling()) throw new Error('The worker does not poll.');
      await connection.workflowService.getSystemInfo({});
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
        logger.info('worker has stopped');
      },
    };
  },
};

void runEntry(entry);
