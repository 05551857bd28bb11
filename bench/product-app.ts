/** The product in one process: worker, API and LinkClient, every feature on. */
import { randomBytes } from 'node:crypto';
import { Client } from '@temporalio/client';
import {
  type ActivityInterceptorsFactory,
  NativeConnection,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import { API_SCOPES } from '../src/contract/scopes';
import { createDataConverter } from '../src/encryption/data-converter';
import { parseKeyRing } from '../src/encryption/key-ring';
import { LinkClient } from '../src/link-client/link-client';
import type { Logger } from '../src/logging/logger';
import { processMetrics } from '../src/process/process-metrics';
import { measureProviders } from '../src/process/provider-metrics';
import { startApi } from '../src/process/start-api';
import { createAtomic } from '../src/providers/atomic/client';
import { createPlaid } from '../src/providers/plaid/client';
import { watchBoth } from '../src/providers/watch-requests';
import { Secret } from '../src/system/secret';
import { traceProviders } from '../src/tracing/trace-providers';
import { measureSteps } from '../src/worker/metrics';
import { startWorker } from '../src/worker/start-worker';
import type { AppOptions, LinkApp } from './link-app';
import { ATOMIC_SECRET, PRODUCT_NAMESPACE } from './stand-in-data';

/** Each process encrypts with a key of its own, so it must not be given the links of another. */
const TASK_QUEUE = `product-${process.pid}`;
const HOUR_MS = 3_600_000;

export interface ProductOptions extends Omit<AppOptions, 'bundlePath'> {
  bundle: WorkflowBundleOption;
  logger: Logger;
  /** Of the SDK's runtime, which a process has one of. */
  runtimeMetrics?: () => Promise<string>;
  maxCachedWorkflows?: number | undefined;
}

export async function startProductApp(options: ProductOptions): Promise<LinkApp> {
  const { temporalAddress: address, providersUrl, logger, runtimeMetrics } = options;
  const metrics = processMetrics({ ...(runtimeMetrics && { more: runtimeMetrics }) });
  const connection = await NativeConnection.connect({ address });
  const keyRing = parseKeyRing(`bench:${randomBytes(32).toString('base64')}`);
  const watch = watchBoth(traceProviders, measureProviders(metrics));
  const baseUrl = providersUrl;
  const plaid = createPlaid({ clientId: 'client', secret: 'plaid-secret', baseUrl, watch });
  const atomic = createAtomic({ apiKey: 'atomic-key', apiSecret: ATOMIC_SECRET, baseUrl, watch });

  const worker = await startWorker({
    connection,
    namespace: PRODUCT_NAMESPACE,
    taskQueue: TASK_QUEUE,
    keyRing,
    plaid,
    atomic,
    work: {
      host: '127.0.0.1',
      port: 0,
      maxCachedWorkflows: options.maxCachedWorkflows,
      maxConcurrentActivities: 200,
      maxConcurrentWorkflowTasks: 100,
      leanThreads: true,
      link: {
        resultOverdueAfterMs: HOUR_MS / 4,
        resultGiveUpAfterMs: 168 * HOUR_MS,
        waitForHistoryMs: 0,
        configurationWaitMs: 72 * HOUR_MS,
        attentionGiveUpAfterMs: 90 * 24 * HOUR_MS,
        runMaxAgeMs: 30 * 24 * HOUR_MS,
        removeItemOnUnlink: true,
        notify: false,
      },
      notify: undefined,
      otlpEndpoint: undefined,
      deployment: undefined,
      sealingKeys: undefined,
    },
    interceptor: tellingOfResults(measureSteps(metrics), options.onResult),
    logger,
    bundle: Promise.resolve(options.bundle),
    drainMs: 1_000,
  });
  const api = await startApi({
    connection,
    namespace: PRODUCT_NAMESPACE,
    taskQueue: TASK_QUEUE,
    keyRing,
    plaid,
    plaidEnvironment: 'sandbox',
    http: { host: '127.0.0.1', port: 0, publicUrl: undefined, trustProxy: undefined, drainDelayMs: 0 },
    secrets: {
      apiKeys: [{ name: 'bench', key: new Secret(randomBytes(16).toString('hex')), scopes: API_SCOPES }],
      atomicWebhookSecrets: [new Secret(ATOMIC_SECRET)],
    },
    metrics,
    logger,
    eagerStart: true,
  });
  const dataConverter = createDataConverter({ keyRing, namespace: PRODUCT_NAMESPACE });
  const client = new Client({ connection, namespace: PRODUCT_NAMESPACE, dataConverter });
  const links = new LinkClient({
    client,
    keyRing,
    taskQueue: TASK_QUEUE,
    eagerStart: true,
    callTimeoutMs: 30_000,
  });

  return {
    webhookUrl: `${api.url}/webhooks/atomic`,
    async start(userId) {
      await links.start({
        userId,
        publicToken: `public-sandbox-${userId}`,
        jobs: ['employer-classification'],
      });
    },
    async close() {
      await api.close();
      await links.close();
      await worker.close();
      await connection.close();
    },
  };
}

function tellingOfResults(
  inner: ActivityInterceptorsFactory,
  onResult: (userId: string) => void,
): ActivityInterceptorsFactory {
  return (context) => {
    const interceptors = inner(context);
    const { inbound } = interceptors;
    return {
      ...interceptors,
      inbound: {
        ...inbound,
        async execute(input, next) {
          const result = await (inbound?.execute ? inbound.execute(input, next) : next(input));
          const { activityType, workflowExecution } = context.info;
          if (activityType === 'fetchJobResult') {
            onResult(workflowExecution?.workflowId.replace(/^processor-link\//, '') ?? '');
          }
          return result;
        },
      },
    };
  };
}
