/**
 * API and worker as two built processes, for a driver from outside: `node --import tsx bench/serve.ts`. It takes
 * `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE` (default), `PLAID_BASE_URL` and `ATOMIC_BASE_URL` from the environment, prints one
 * line of JSON once both are ready, with their addresses, keys and process ids, and ends with its standard input.
 */
import { once } from 'node:events';
import { z } from 'zod';
import { buildService, removeBuild } from '../test/support/built-service';
import { startBuiltApp } from './built-app';

const environmentSchema = z.object({
  TEMPORAL_ADDRESS: z.string(),
  TEMPORAL_NAMESPACE: z.string().optional(),
  PLAID_BASE_URL: z.url(),
  ATOMIC_BASE_URL: z.url(),
});

async function serve(): Promise<void> {
  const environment = environmentSchema.parse(process.env);
  const build = await buildService();
  try {
    const { stop, ...app } = await startBuiltApp({
      build,
      temporalAddress: environment.TEMPORAL_ADDRESS,
      namespace: environment.TEMPORAL_NAMESPACE,
      plaidUrl: environment.PLAID_BASE_URL,
      atomicUrl: environment.ATOMIC_BASE_URL,
    });
    process.stdout.write(`${JSON.stringify(app)}\n`);
    await once(process.stdin.resume(), 'end');
    await stop();
  } finally {
    await removeBuild(build);
  }
}

serve().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
