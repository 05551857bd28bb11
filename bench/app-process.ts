/** A process that is one of the applications, or a caller of the built one, with what drives it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { createLogger } from '../src/logging/logger';
import { installRuntime } from '../src/worker/sdk-runtime';
import { startCallerApp } from './caller-app';
import { takeCalls } from './child';
import type { LinkApp } from './link-app';
import { LinkDriver } from './link-driver';
import { encryptUnderOneKey } from './one-key';
import { startProductApp } from './product-app';
import { startThinApp } from './thin-app/app';

const MIB = 1024 * 1024;
const driver = new LinkDriver();
let app: LinkApp | undefined;

function running(): LinkApp {
  if (!app) throw new Error('The application has not been started.');
  return app;
}

const appSchema = z.object({
  temporalAddress: z.string(),
  providersUrl: z.string(),
  bundlePath: z.string(),
});
const openSchema = z.discriminatedUnion('kind', [
  appSchema.extend({ kind: z.literal('thin') }),
  appSchema.extend({
    kind: z.literal('product'),
    maxCachedWorkflows: z.number().optional(),
    oneKey: z.boolean().optional(),
  }),
  z.object({ kind: z.literal('caller'), apiUrl: z.string(), apiKey: z.string(), webhookUrl: z.string() }),
]);
type ProductArguments = Extract<z.infer<typeof openSchema>, { kind: 'product' }>;
const loopSchema = z.object({ prefix: z.string(), inFlight: z.number(), links: z.number() });
const batchSchema = z.object({ prefix: z.string(), count: z.number(), inFlight: z.number() });

async function openProduct(
  { bundlePath, ...options }: ProductArguments,
  onResult: (userId: string) => void,
): Promise<LinkApp> {
  const logger = createLogger({ name: 'bench', level: 'info', destination: { write: () => undefined } });
  const { readMetrics } = await installRuntime({ logger, otlpEndpoint: undefined });
  return startProductApp({
    ...options,
    bundle: { codePath: bundlePath },
    logger,
    runtimeMetrics: readMetrics,
    onResult,
  });
}

takeCalls({
  open: async (argument) => {
    const options = openSchema.parse(argument);
    const onResult = (userId: string) => driver.finished(userId);
    switch (options.kind) {
      case 'thin':
        app = await startThinApp({ ...options, onResult });
        break;
      case 'product':
        if (options.oneKey) encryptUnderOneKey();
        app = await openProduct(options, onResult);
        break;
      case 'caller':
        app = startCallerApp({ ...options, onResult });
        break;
    }
    return app.webhookUrl;
  },
  loop: async (argument) => driver.loop(running(), loopSchema.parse(argument)),
  startMany: async (argument) => driver.startMany(running(), batchSchema.parse(argument)),
  allFinished: async () => driver.allFinished(),
  /** MiB, after a garbage collection that has had time to settle. */
  memory: async () => {
    for (let round = 0; round < 3; round++) {
      globalThis.gc?.();
      await sleep(200);
    }
    const { rss, heapUsed } = process.memoryUsage();
    return { rss: rss / MIB, heapUsed: heapUsed / MIB };
  },
  close: async () => running().close(),
});
