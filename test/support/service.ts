import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { JOBS, type Job } from '../../src/contract/jobs';
import { claimPort } from '../../src/system/free-port';
import { type Ended, ended } from './ended';
import { type Ground, type GroundOptions, newEncryptionKey, prepareGround } from './ground';
import { openInTests } from './open-in-tests';
import { ServiceApi } from './service-api';
import { type Environment, type ServiceName, ServiceProcess } from './service-process';
import { ownNamespace, serviceBuild } from './temporal';

const LOOPBACK = '127.0.0.1';

/** What is there before the processes are. */
export type ServiceParts = Pick<Ground, 'plaid' | 'atomic'> & { apiUrl: string };

export interface ServiceOptions extends Omit<GroundOptions, 'place' | 'skipsTime' | 'address' | 'namespace'> {
  /** Default: a namespace of its own on the server that all tests of a run share. */
  temporal?: { address: string; namespace: string };
  /** Default: the build that all tests of a run share. */
  build?: string;
  /** Settings of all processes, over those that the harness makes. */
  env?: Environment | ((parts: ServiceParts) => Environment | Promise<Environment>);
  /** Which processes are started. Default: API and worker. */
  processes?: readonly ServiceName[];
}

export interface Service extends Ground {
  api: ServiceProcess;
  worker: ServiceProcess;
  codec: ServiceProcess;
  call: ServiceApi;
  /** As every process is given them. */
  env: Environment;
  /** Working directory of the processes. */
  folder: string;
  /** Another process of the service, beside the first of its kind: on a port of its own, not started yet. */
  another(name: ServiceName): Promise<ServiceProcess>;
  /** Runs a command from the build, as an operator does in the image, with the service's settings and these. */
  run(command: 'links' | 'doctor', args: readonly string[], env?: Environment): Promise<Ended>;
  /** Starts a link for a new user from a fresh public token and for both jobs, unless told otherwise. */
  link(
    options?: Partial<{ userId: string; jobs: readonly Job[] }>,
  ): Promise<{ userId: string; itemId: string; publicToken: string }>;
  /** What Plaid and Atomic still hold of the user: nothing, after unlink. */
  leftovers(userId: string): unknown[];
}

/**
 * API and worker as processes of their own, on a task queue of their own, with simulators of Plaid and Atomic in this
 * process. Resolves once they are ready.
 */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const { historyEvents, encryptionKeys = newEncryptionKey('k1') } = options;
  const [build, server] = await Promise.all([
    options.build ?? serviceBuild(),
    options.temporal ?? (historyEvents === undefined ? ownNamespace() : { historyEvents }),
  ]);
  const folder = await mkdtemp(path.join(tmpdir(), 'processor-link-service-'));
  const [apiPort, workerPort, codecPort] = [await freePort(), await freePort(), await freePort()];
  const apiUrl = `http://${LOOPBACK}:${apiPort}`;
  const webhookSecret = options.atomic?.webhookSecret ?? `webhook-secret-${randomUUID()}`;
  const ground = await prepareGround({
    ...server,
    encryptionKeys,
    plaid: { userOfWebhookUrl: (url) => /\/webhooks\/plaid\/([^/]+)$/.exec(url)?.[1], ...options.plaid },
    atomic: {
      webhookUrl: `${apiUrl}/webhooks/atomic`,
      webhookSecret,
      webhookRetryDelaysMs: [1_000, 1_000, 1_000],
      ...options.atomic,
    },
  });
  const { temporal, taskQueue, plaid, atomic, credentials } = ground;
  const env: Environment = {
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    TEMPORAL_TASK_QUEUE: taskQueue,
    ENCRYPTION_KEYS: encryptionKeys,
    PLAID_CLIENT_ID: credentials.clientId,
    PLAID_SECRET: credentials.secret,
    PLAID_BASE_URL: plaid.url,
    ATOMIC_API_KEY: credentials.apiKey,
    ATOMIC_API_SECRET: credentials.apiSecret,
    ATOMIC_BASE_URL: atomic.url,
    ATOMIC_WEBHOOK_SECRETS: webhookSecret,
    API_KEYS: `tests:api-key-${randomUUID()}`,
    HOST: LOOPBACK,
    PORT: String(apiPort),
    WORKER_PORT: String(workerPort),
    CODEC_PORT: String(codecPort),
    LOG_LEVEL: 'debug',
    DRAIN_DELAY: '0',
    ...(typeof options.env === 'function' ? await options.env({ apiUrl, plaid, atomic }) : options.env),
  };
  const key = (env.API_KEYS ?? '').replace(/^[^:,]*:/, '').replace(/,.*$/, '');
  const processes: ServiceProcess[] = [];
  const make = (name: ServiceName, port: number, more: Environment = {}) => {
    const url = `http://${LOOPBACK}:${port}`;
    const made = new ServiceProcess({ name, build, folder, url, env: { ...env, ...more } });
    processes.push(made);
    return made;
  };
  const call = new ServiceApi(apiUrl, key);

  const service: Service = {
    ...ground,
    api: make('api', apiPort),
    worker: make('worker', workerPort),
    codec: make('codec', codecPort),
    call,
    env,
    folder,
    async another(name) {
      const port = await freePort();
      const variable = { api: 'PORT', worker: 'WORKER_PORT', codec: 'CODEC_PORT' }[name];
      return make(name, port, { [variable]: String(port), PUBLIC_URL: apiUrl });
    },
    run(command, args, more = {}) {
      const { PATH, HOME } = process.env;
      return ended(
        spawn(process.execPath, [path.join(build, 'src/commands', `${command}.js`), ...args], {
          cwd: folder,
          env: { PATH, HOME, ...env, ...more },
          stdio: ['ignore', 'pipe', 'pipe'],
        }),
      );
    },
    async link({ userId = ground.newUser(), jobs = JOBS } = {}) {
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
      await Promise.all(processes.map((one) => one.stop()));
      await ground.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all((options.processes ?? ['api', 'worker']).map((name) => service[name].start()));
  } catch (error) {
    await service.close();
    throw error;
  }
  return service;
}

/** The service for the tests of one file. */
export function useService(options: ServiceOptions = {}): Service {
  return openInTests(() => startService(options));
}

function freePort(): Promise<number> {
  return claimPort(LOOPBACK, 0);
}
