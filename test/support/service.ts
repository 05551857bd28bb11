import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { JOBS, type Job } from '../../src/contract/jobs';
import {
  type AtomicSimulator,
  type AtomicSimulatorOptions,
  type PlaidSimulator,
  type PlaidSimulatorOptions,
  startAtomicSimulator,
  startPlaidSimulator,
} from '../../src/simulators';
import { claimPort } from '../../src/system/free-port';
import { ServiceApi } from './service-api';
import { type Environment, type ServiceName, ServiceProcess } from './service-process';
import { ownNamespace, serviceBuild } from './temporal';

const LOOPBACK = '127.0.0.1';

/** What is there before the processes are. */
export interface ServiceParts {
  apiUrl: string;
  plaid: PlaidSimulator;
  atomic: AtomicSimulator;
}

export interface ServiceOptions {
  /** Default: a namespace of its own on the server that all tests of a run share. */
  temporal?: { address: string; namespace: string };
  /** Default: the build that all tests of a run share. */
  build?: string;
  /** Settings of all processes, over those that the harness makes. */
  env?: Environment | ((parts: ServiceParts) => Environment | Promise<Environment>);
  plaid?: Partial<PlaidSimulatorOptions>;
  atomic?: Partial<AtomicSimulatorOptions>;
  /** Which processes are started. Default: API and worker. */
  processes?: readonly ServiceName[];
}

export interface Service {
  api: ServiceProcess;
  worker: ServiceProcess;
  codec: ServiceProcess;
  call: ServiceApi;
  plaid: PlaidSimulator;
  atomic: AtomicSimulator;
  temporal: { address: string; namespace: string };
  taskQueue: string;
  /** As every process is given them. */
  env: Environment;
  /** Working directory of the processes. */
  folder: string;
  newUser(): string;
  /** Another process of the service, beside the first of its kind: on a port of its own, not started yet. */
  another(name: ServiceName): Promise<ServiceProcess>;
  /** Starts a link for a new user from a fresh public token and for both jobs, unless told otherwise. */
  link(
    options?: Partial<{
      userId: string;
      jobs: readonly Job[];
    }>,
  ): Promise<{ userId: string; itemId: string; publicToken: string }>;
  /** What Plaid and Atomic still hold of the user: nothing, after unlink. */
  leftovers(userId: string): unknown[];
  close(): Promise<void>;
}

/**
 * API and worker as processes of their own, on a task queue of their own, with simulators of Plaid and Atomic in this
 * process. Resolves once they are ready.
 */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const [build, server] = await Promise.all([
    options.build ?? serviceBuild(),
    options.temporal ?? ownNamespace(),
  ]);
  const temporal = { address: server.address, namespace: server.namespace };
  const folder = await mkdtemp(path.join(tmpdir(), 'processor-link-service-'));
  const [apiPort, workerPort, codecPort] = [await freePort(), await freePort(), await freePort()];
  const apiUrl = `http://${LOOPBACK}:${apiPort}`;
  const credentials = {
    plaid: { clientId: `client-${randomUUID()}`, secret: `plaid-secret-${randomUUID()}` },
    atomic: { apiKey: `atomic-key-${randomUUID()}`, apiSecret: `atomic-secret-${randomUUID()}` },
    apiKey: `api-key-${randomUUID()}`,
    webhookSecret: `webhook-secret-${randomUUID()}`,
  };
  const plaid = await startPlaidSimulator({ ...credentials.plaid, ...options.plaid });
  const atomic = await startAtomicSimulator({
    ...credentials.atomic,
    webhookUrl: `${apiUrl}/webhooks/atomic`,
    webhookSecret: credentials.webhookSecret,
    webhookRetryDelaysMs: [1_000, 1_000, 1_000],
    isProcessorTokenLive: (token) => plaid.isProcessorTokenLive(token),
    ...options.atomic,
  });
  const taskQueue = `service-${randomUUID()}`;
  const given =
    typeof options.env === 'function' ? await options.env({ apiUrl, plaid, atomic }) : options.env;
  const env: Environment = {
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    TEMPORAL_TASK_QUEUE: taskQueue,
    ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    PLAID_CLIENT_ID: options.plaid?.clientId ?? credentials.plaid.clientId,
    PLAID_SECRET: options.plaid?.secret ?? credentials.plaid.secret,
    PLAID_BASE_URL: plaid.url,
    ATOMIC_API_KEY: options.atomic?.apiKey ?? credentials.atomic.apiKey,
    ATOMIC_API_SECRET: options.atomic?.apiSecret ?? credentials.atomic.apiSecret,
    ATOMIC_BASE_URL: atomic.url,
    ATOMIC_WEBHOOK_SECRETS: options.atomic?.webhookSecret ?? credentials.webhookSecret,
    API_KEYS: `tests:${credentials.apiKey}`,
    HOST: LOOPBACK,
    PORT: String(apiPort),
    WORKER_PORT: String(workerPort),
    CODEC_PORT: String(codecPort),
    LOG_LEVEL: 'debug',
    DRAIN_DELAY: '0',
    ...given,
  };
  const key = (env.API_KEYS ?? '').replace(/^[^:,]*:/, '').replace(/,.*$/, '');
  const make = (name: ServiceName, port: number, more: Environment = {}) =>
    new ServiceProcess({ name, build, folder, url: `http://${LOOPBACK}:${port}`, env: { ...env, ...more } });
  const processes = {
    api: make('api', apiPort),
    worker: make('worker', workerPort),
    codec: make('codec', codecPort),
  };
  const others: ServiceProcess[] = [];
  const call = new ServiceApi(apiUrl, key);

  const service: Service = {
    ...processes,
    call,
    plaid,
    atomic,
    temporal,
    taskQueue,
    env,
    folder,
    newUser: () => `user-${randomUUID()}`,
    async another(name) {
      const port = await freePort();
      const variable = { api: 'PORT', worker: 'WORKER_PORT', codec: 'CODEC_PORT' }[name];
      const other = make(name, port, { [variable]: String(port), PUBLIC_URL: apiUrl });
      others.push(other);
      return other;
    },
    async link({ userId = service.newUser(), jobs = JOBS } = {}) {
      const { publicToken, itemId } = plaid.createPublicToken({
        userId,
        webhook: `${apiUrl}/webhooks/plaid/${userId}`,
      });
      const answer = await call.start({ userId, publicToken, jobs });
      if (answer.status !== 202) throw new Error(`The link was not started: ${answer.status} ${answer.text}`);
      return { userId, itemId, publicToken };
    },
    leftovers: (userId) => [...plaid.leftovers(userId).items, ...atomic.leftovers(userId).registrations],
    async close() {
      await Promise.all([...Object.values(processes), ...others].map((one) => one.stop()));
      await Promise.all([plaid.close(), atomic.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all((options.processes ?? ['api', 'worker']).map((name) => processes[name].start()));
  } catch (error) {
    await service.close();
    throw error;
  }
  return service;
}

function freePort(): Promise<number> {
  return claimPort(LOOPBACK, 0);
}
