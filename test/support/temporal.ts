import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { z } from 'zod';
import { connectTemporal } from '../../src/temporal/connection';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes';
import { askDoor } from './run-door';
import { startTimeSkippingServer } from './time-skipping-server';

const realServerSchema = z.object({ address: z.string(), namespace: z.string() });
/** `address` is `host:port`. */
export type RealServer = z.infer<typeof realServerSchema>;

/** The real dev server that all tests of a run share, with the search attributes. Kept in memory, started at the first call. */
export async function realServer(): Promise<RealServer> {
  return realServerSchema.parse(await askDoor('dev-server'));
}

/** A namespace of its own on the shared server: for whoever lists all links there are. */
export async function ownNamespace(): Promise<{ address: string; namespace: string }> {
  const { address } = await realServer();
  const namespace = `test-${randomUUID()}`;
  const connection = await connectTo(address);
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
    // A namespace is there a moment after it was registered.
    for (const endMs = Date.now() + 30_000; ; await delay(100)) {
      try {
        await ensureSearchAttributes(connection, namespace);
        break;
      } catch (error) {
        if (Date.now() > endMs) throw error;
      }
    }
  } finally {
    await connection.close();
  }
  return { address, namespace };
}

/** The path of the server, for tests that start one of their own. */
export async function temporalServer(): Promise<string> {
  return z.string().parse(await askDoor('temporal-server'));
}

/** The path of a Temporal CLI, as operators have: for long tests, since it may have to be built first. */
export async function temporalCli(): Promise<string> {
  return z.string().parse(await askDoor('temporal-cli'));
}

/** The folder of the built service, for tests that run its processes: built once a run, at the first call. */
export async function serviceBuild(): Promise<string> {
  return z.string().parse(await askDoor('build'));
}

/**
 * A time-skipping server of its own, with the search attributes in namespace `default`; stop it after use. Its clock is one
 * for all, and what one test file leaves open would go through every hour that another lets pass. It has no listing.
 * `result()` of a workflow does not let the clock run: `unlockTimeSkippingWithSleep` of its test service does.
 */
export async function timeSkippingServer(): ReturnType<typeof startTimeSkippingServer> {
  return startTimeSkippingServer(z.string().parse(await askDoor('time-skipping-server')));
}

/** A connection that can be closed while calls are being tried again. */
export function connectTo(address: string): Promise<Connection> {
  return connectTemporal({ connectConfig: { connectionOptions: { address } }, lazy: false });
}
