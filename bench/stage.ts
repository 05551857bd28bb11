/** What every part of the benchmark stands on: a Temporal server, the stand-ins, prebuilt bundles. */
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { z } from 'zod';
import { ensureSearchAttributes } from '../src/temporal/search-attributes';
import { removeBuild } from '../test/support/built-service';
import { buildBench } from './build';
import { startBuiltApp } from './built-app';
import { type Child, startChild } from './child';
import { type ServerKind, startServer } from './server';
import type { ServerReading } from './server-meter';
import { PRODUCT_NAMESPACE, THIN_NAMESPACE } from './stand-in-data';

/**
 * `product` is API and worker in one process; `built` is the two as processes of their own, with callers who read each link
 * once a second by HTTP.
 */
export const KINDS = ['thin', 'product', 'built'] as const;
export type Kind = (typeof KINDS)[number];

export interface Contender {
  kind: Kind;
  namespace: string;
  /** Takes the calls of `app-process.ts`. */
  child: Child;
  /** The processes of the application, without those who call it. */
  pids: readonly number[];
  /** Of the application, for Atomic. */
  webhookUrl: string;
  /** Of the built one, for its callers. */
  api?: { url: string; key: string };
  client: Client;
  workflowIdOf(userId: string): string;
  stop(): Promise<void>;
}

export interface ContenderOptions {
  maxCachedWorkflows?: number | undefined;
  /** Of the product in one process: payloads of all workflows under one key. */
  oneKey?: boolean;
}

export interface Stage {
  /** Folder of the built benchmark. */
  folder: string;
  providers: Child;
  /** KiB of the product's workflow bundle. */
  bundleKib: number;
  startContender(kind: Kind, options?: ContenderOptions): Promise<Contender>;
  readServer(namespace: string): Promise<ServerReading>;
  serverMemoryMib(): Promise<number>;
  close(): Promise<void>;
}

export interface StageOptions {
  server?: ServerKind;
  log: (line: string) => void;
  /** The product's workflow bundle, made beforehand. */
  bundleFile?: string;
  /** Folder for V8's CPU profiles of the applications in one process. */
  profileFolder?: string;
}

export async function setStage(options: StageOptions): Promise<Stage> {
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
  { server: kind = 'dev', log, profileFolder, bundleFile }: StageOptions,
  undo: (() => Promise<unknown>)[],
): Promise<Omit<Stage, 'close'>> {
  const folder = await buildBench();
  undo.push(() => removeBuild(folder));
  const thin = await bundleWorkflowCode({
    workflowsPath: path.join(folder, 'bench/thin-app/workflows.js'),
    logger: new DefaultLogger('WARN'),
  });
  const bundles = {
    product: bundleFile ?? path.join(folder, 'workflow-bundle.js'),
    thin: path.join(folder, 'thin-bundle.js'),
  };
  await writeFile(bundles.thin, thin.code);

  const server = await startServer(kind, log);
  undo.push(server.stop);
  const { address } = server;
  const connection = await Connection.connect({ address });
  undo.push(() => connection.close());
  await ensureSearchAttributes(connection, PRODUCT_NAMESPACE);
  await registerNamespace(connection, THIN_NAMESPACE);

  const providers = startChild(folder, 'providers.js');
  undo.push(providers.stop);
  const providersUrl = await providers.call('listen', z.string());

  async function startOneProcess(kind: 'thin' | 'product', options: ContenderOptions) {
    const profile = profileFolder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileFolder];
    const child = startChild(folder, 'app-process.js', profile);
    undo.push(child.stop);
    const bundlePath = bundles[kind];
    const open = { kind, temporalAddress: address, providersUrl, bundlePath, ...options };
    const webhookUrl = await child.call('open', z.string(), open);
    return { child, pids: [child.pid], webhookUrl, stop: child.stop };
  }

  async function startBuilt({ maxCachedWorkflows }: ContenderOptions) {
    const app = await startBuiltApp({
      build: folder,
      temporalAddress: address,
      plaidUrl: providersUrl,
      atomicUrl: providersUrl,
      maxCachedWorkflows,
    });
    const child = startChild(folder, 'app-process.js');
    const stop = async () => {
      await child.stop();
      await app.stop();
    };
    undo.push(stop);
    const { apiUrl, apiKey, webhookUrl, pids } = app;
    await child.call('open', z.string(), { kind: 'caller', apiUrl, apiKey, webhookUrl });
    return { child, pids, webhookUrl, api: { url: apiUrl, key: apiKey }, stop };
  }

  return {
    folder,
    providers,
    bundleKib: (await stat(bundles.product)).size / 1024,
    async startContender(kind, options = {}) {
      const app = await (kind === 'built' ? startBuilt(options) : startOneProcess(kind, options));
      const namespace = kind === 'thin' ? THIN_NAMESPACE : PRODUCT_NAMESPACE;
      return {
        ...app,
        kind,
        namespace,
        client: new Client({ connection, namespace }),
        workflowIdOf: (userId) => (kind === 'thin' ? userId : `processor-link/${userId}`),
      };
    },
    readServer: server.read,
    serverMemoryMib: server.memoryMib,
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
