/** The product as it is deployed: API and worker as two processes of the build, with the settings of an operator. */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { claimPort } from '../src/system/free-port';
import { ServiceProcess } from '../test/support/service-process';
import { ATOMIC_SECRET, PRODUCT_NAMESPACE } from './stand-in-data';

const LOOPBACK = '127.0.0.1';

export interface BuiltApp {
  apiUrl: string;
  apiKey: string;
  /** Where Atomic's webhooks go, signed with `webhookSecret`. */
  webhookUrl: string;
  webhookSecret: string;
  workerUrl: string;
  /** Of the API and of the worker. */
  pids: readonly number[];
  stop(): Promise<void>;
}

export interface BuiltAppOptions {
  /** Folder of the built service. */
  build: string;
  temporalAddress: string;
  namespace?: string | undefined;
  /** Where Plaid and Atomic, or what stands in for them, are called. */
  plaidUrl: string;
  atomicUrl: string;
  maxCachedWorkflows?: number | undefined;
  /** Settings over those that are made here. */
  settings?: Readonly<Record<string, string>>;
}

/** Resolves once both are ready. */
export async function startBuiltApp(options: BuiltAppOptions): Promise<BuiltApp> {
  const [port, workerPort] = [await claimPort(LOOPBACK, 0), await claimPort(LOOPBACK, 0)];
  const apiUrl = `http://${LOOPBACK}:${port}`;
  const workerUrl = `http://${LOOPBACK}:${workerPort}`;
  const apiKey = randomBytes(16).toString('hex');
  const env = {
    TEMPORAL_ADDRESS: options.temporalAddress,
    TEMPORAL_NAMESPACE: options.namespace ?? PRODUCT_NAMESPACE,
    TEMPORAL_TASK_QUEUE: `built-${randomBytes(4).toString('hex')}`,
    ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
    PLAID_CLIENT_ID: 'client',
    PLAID_SECRET: 'plaid-secret',
    PLAID_BASE_URL: options.plaidUrl,
    ATOMIC_API_KEY: 'atomic-key',
    ATOMIC_API_SECRET: ATOMIC_SECRET,
    ATOMIC_BASE_URL: options.atomicUrl,
    API_KEYS: `bench:${apiKey}`,
    HOST: LOOPBACK,
    PORT: String(port),
    WORKER_PORT: String(workerPort),
    DRAIN_DELAY: '0',
    ...(options.maxCachedWorkflows !== undefined && {
      WORKER_MAX_CACHED_WORKFLOWS: String(options.maxCachedWorkflows),
    }),
    ...options.settings,
  };
  const at = { build: options.build, folder: tmpdir(), env };
  const worker = new ServiceProcess({ name: 'worker', url: workerUrl, ...at });
  const api = new ServiceProcess({ name: 'api', url: apiUrl, ...at });
  const stop = async () => {
    await Promise.all([api.stop(), worker.stop()]);
  };
  try {
    await Promise.all([worker.start(), api.start()]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    apiUrl,
    apiKey,
    webhookUrl: `${apiUrl}/webhooks/atomic`,
    webhookSecret: ATOMIC_SECRET,
    workerUrl,
    pids: [api.pid, worker.pid].filter((pid) => pid !== undefined),
    stop,
  };
}
