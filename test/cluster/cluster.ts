import { Client, type Connection } from '@temporalio/client';
import { createDataConverter } from '../../src/encryption/data-converter';
import type { KeyRing } from '../../src/encryption/key-ring';
import { parseKeyRing } from '../../src/encryption/key-ring';
import { buildService, removeBuild } from '../support/built-service';
import { type Service, startService } from '../support/service';
import type { ServiceProcess } from '../support/service-process';
import { connectTo } from '../support/temporal';
import { Balancer } from './balancer';
import type { TemporalBuild } from './temporal-build';
import { startTemporalCluster, type TemporalCluster } from './temporal-cluster';

/** Atomic goes on for about as long; beyond it results are fetched by polling. */
const WEBHOOK_RETRIES_MS = Array.from({ length: 90 }, () => 1_000);

/** The whole of it: PostgreSQL, Temporal's nodes, APIs behind a balancer, workers, and simulators of Plaid and Atomic. */
export interface Cluster {
  temporal: TemporalCluster;
  service: Service;
  apis: readonly ServiceProcess[];
  workers: readonly ServiceProcess[];
  /** Of the balancer before the APIs. */
  apiUrl: string;
  client: Client;
  keyRing: KeyRing;
  close(): Promise<void>;
}

export interface WholeClusterOptions {
  build: TemporalBuild;
  nodes: number;
  apis: number;
  workers: number;
  /** Settings of all processes, over those that the cluster makes. */
  env?: Readonly<Record<string, string>>;
  /** Of Temporal: YAML, after the compose file's own. */
  dynamicConfig?: string;
  log: (line: string) => void;
}

export async function startCluster(options: WholeClusterOptions): Promise<Cluster> {
  const undo: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of undo.splice(0).reverse()) await end();
  };
  try {
    return { ...(await raise(options, undo)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function raise(
  { build, nodes, apis: apiCount, workers: workerCount, env, dynamicConfig = '', log }: WholeClusterOptions,
  undo: (() => Promise<unknown>)[],
): Promise<Omit<Cluster, 'close'>> {
  const folder = await buildService();
  undo.push(() => removeBuild(folder));
  const temporal = await startTemporalCluster({ nodes, build, dynamicConfig, log });
  undo.push(() => temporal.close());
  const { address, namespace } = temporal;
  const service = await startService({
    temporal: { address, namespace },
    build: folder,
    env: { LOG_LEVEL: 'warn', RESULT_OVERDUE_AFTER: '2m', ...env },
    atomic: { webhookRetryDelaysMs: WEBHOOK_RETRIES_MS },
  });
  undo.push(() => service.close());
  const others = (name: 'api' | 'worker', count: number) =>
    Promise.all(Array.from({ length: count - 1 }, () => service.another(name)));
  const apis = [service.api, ...(await others('api', apiCount))];
  const workers = [service.worker, ...(await others('worker', workerCount))];
  await Promise.all([...apis.slice(1), ...workers.slice(1)].map((one) => one.start()));
  const balancer = await Balancer.before(
    apis.map(({ url }) => ({ host: '127.0.0.1', port: Number(new URL(url).port) })),
  );
  undo.push(() => balancer.close());
  const apiUrl = `http://${balancer.address}`;
  service.call.url = apiUrl;
  service.atomic.webhooks.url = `${apiUrl}/webhooks/atomic`;

  const connection: Connection = await connectTo(address);
  undo.push(() => connection.close());
  const keyRing = parseKeyRing(service.env.ENCRYPTION_KEYS ?? '');
  const client = new Client({
    connection,
    namespace,
    dataConverter: createDataConverter({ keyRing, namespace }),
  });
  log(`${apiCount} APIs are behind ${apiUrl}, and ${workerCount} workers run.`);
  return { temporal, service, apis, workers, apiUrl, client, keyRing };
}
