/** What every part of the benchmark stands on: a Temporal server, the stand-ins, prebuilt bundles. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { z } from 'zod';
import { cacheFolder } from '../src/dev-server/cache-folder';
import { startDevServer } from '../src/dev-server/dev-server';
import { findTemporalCli } from '../src/dev-server/temporal-cli';
import { ensureSearchAttributes } from '../src/temporal/search-attributes';
import { makeWorkflowBundle } from '../src/worker/workflow-bundle';
import { type Child, startChild } from './child';
import { memoryMibOf, readServer, type ServerReading } from './server-meter';
import { PRODUCT_NAMESPACE, THIN_NAMESPACE } from './stand-in-data';

export type Kind = 'product' | 'product-apart' | 'thin' | 'thin-encrypted';

export interface Contender {
  kind: Kind;
  namespace: string;
  child: Child;
  /** Of the application, for Atomic. */
  webhookUrl: string;
  client: Client;
  workflowIdOf(userId: string): string;
}

export interface Stage {
  providers: Child;
  /** KiB of the product's workflow bundle. */
  bundleKib: number;
  startContender(kind: Kind, options?: { maxCachedWorkflows?: number }): Promise<Contender>;
  readServer(namespace: string): Promise<ServerReading>;
  serverMemoryMib(): Promise<number | undefined>;
  close(): Promise<void>;
}

export async function setStage(options: {
  log: (line: string) => void;
  /** The product's workflow bundle, made beforehand. */
  bundleFile?: string;
  /** Folder for V8's CPU profiles of the applications. */
  profileFolder?: string;
}): Promise<Stage> {
  const undo: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of undo.splice(0).reverse()) await end();
  };
  try {
    return { ...(await build(options, undo)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(
  { log, profileFolder, bundleFile }: Parameters<typeof setStage>[0],
  undo: (() => Promise<unknown>)[],
): Promise<Omit<Stage, 'close'>> {
  const cliPath = await findTemporalCli({
    path: process.env.PATH ?? '',
    cacheDir: cacheFolder({ home: homedir(), xdgCacheHome: process.env.XDG_CACHE_HOME }),
    log,
  });
  const folder = await mkdtemp(path.join(tmpdir(), 'processor-link-bench-'));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const product =
    bundleFile === undefined
      ? (await makeWorkflowBundle(new DefaultLogger('WARN'))).code
      : await readFile(bundleFile, 'utf8');
  const thin = await bundleWorkflowCode({
    workflowsPath: require.resolve('./thin-app/workflows'),
    logger: new DefaultLogger('WARN'),
  });
  const bundles = { product: path.join(folder, 'product.js'), thin: path.join(folder, 'thin.js') };
  await writeFile(bundles.product, product);
  await writeFile(bundles.thin, thin.code);

  const server = await startDevServer({ cliPath, metricsPort: 0, logLevel: 'error' });
  undo.push(server.stop);
  const { metricsUrl } = server;
  if (metricsUrl === undefined) throw new Error('The server has no metrics.');
  const connection = await Connection.connect({ address: server.address });
  undo.push(() => connection.close());
  await ensureSearchAttributes(connection, PRODUCT_NAMESPACE);
  await registerNamespace(connection, THIN_NAMESPACE);

  const providers = startChild('providers.ts');
  undo.push(providers.stop);
  const providersUrl = await providers.call('listen', z.string());

  return {
    providers,
    bundleKib: product.length / 1024,
    async startContender(kind, options = {}) {
      const profile = profileFolder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileFolder];
      const child = startChild('app-process.ts', [], profile);
      undo.push(child.stop);
      const isThin = kind === 'thin' || kind === 'thin-encrypted';
      const namespace = isThin ? THIN_NAMESPACE : PRODUCT_NAMESPACE;
      const webhookUrl = await child.call('open', z.string(), {
        kind,
        temporalAddress: server.address,
        providersUrl,
        bundlePath: isThin ? bundles.thin : bundles.product,
        ...options,
      });
      return {
        kind,
        namespace,
        child,
        webhookUrl,
        client: new Client({ connection, namespace }),
        workflowIdOf: (userId) => (isThin ? userId : `processor-link/${userId}`),
      };
    },
    readServer: (namespace) => readServer(metricsUrl, server.pid, namespace),
    serverMemoryMib: () => memoryMibOf(server.pid),
  };
}

/** Resolves once workflows can be found in it: servers take note of a new namespace within seconds. */
async function registerNamespace(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  for (const endMs = Date.now() + 60_000; ; await sleep(250)) {
    try {
      await connection.workflowService.countWorkflowExecutions({ namespace });
      return;
    } catch (error) {
      if (Date.now() > endMs) throw error;
    }
  }
}
