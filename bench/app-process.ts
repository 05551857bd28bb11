/** A process that is one of the applications, with what drives it: `app-process.ts product|thin`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { takeCalls } from './child';
import type { LinkApp } from './link-app';
import { LinkDriver } from './link-driver';
import { startProductApp } from './product-app';
import { startThinApp } from './thin-app/app';

const MIB = 1024 * 1024;
const driver = new LinkDriver();
let app: LinkApp | undefined;

function running(): LinkApp {
  if (!app) throw new Error('The application has not been started.');
  return app;
}

const openSchema = z.object({
  kind: z.enum(['product', 'product-apart', 'thin', 'thin-encrypted']),
  temporalAddress: z.string(),
  providersUrl: z.string(),
  bundlePath: z.string(),
  maxCachedWorkflows: z.number().optional(),
});
const loopSchema = z.object({ prefix: z.string(), inFlight: z.number(), windowMs: z.number() });
const batchSchema = z.object({ prefix: z.string(), count: z.number(), inFlight: z.number() });

takeCalls({
  open: async (argument) => {
    const { kind, ...options } = openSchema.parse(argument);
    const onResult = (userId: string) => driver.finished(userId);
    app =
      kind === 'thin' || kind === 'thin-encrypted'
        ? await startThinApp({ ...options, onResult, encrypted: kind === 'thin-encrypted' })
        : await startProductApp({ ...options, onResult, eagerStart: kind === 'product' });
    return app.webhookUrl;
  },
  loop: async (argument) => driver.loop(running(), loopSchema.parse(argument)),
  startMany: async (argument) => driver.startMany(running(), batchSchema.parse(argument)),
  allFinished: async () => driver.allFinished(),
  cpuMs: async () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  },
  /** MiB, after a garbage collection that has had time to settle. */
  memory: async () => {
    for (let round = 0; round < 3; round++) {
      globalThis.gc?.();
      await sleep(200);
    }
    return memoryMib();
  },
  close: async () => running().close(),
});

function memoryMib(): { rss: number; heapUsed: number } {
  const { rss, heapUsed } = process.memoryUsage();
  return { rss: rss / MIB, heapUsed: heapUsed / MIB };
}
