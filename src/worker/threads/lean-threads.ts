import { existsSync } from 'node:fs';
import path from 'node:path';
import workerThreads from 'node:worker_threads';
import { version as SDK_VERSION } from '@temporalio/worker/package.json';
import type { Logger } from '../../logging/logger';

/** The SDK whose inner workings `call-stacks.ts` and `one-watchdog.ts` know. */
export const KNOWN_SDK_VERSION = '1.24.0';

/** Built code alone has it: a thread does not compile TypeScript. */
const PRELOAD = path.join(__dirname, 'preload.js');

/**
 * What `create` makes, with lean threads for its workflows: their stack traces are written when they are asked for, and a task
 * has one watchdog. Where the code is not built it makes what it would have made. With an SDK that is not the one known too,
 * and says so in the log.
 */
export async function withLeanThreads<T>(
  create: () => Promise<T>,
  { logger, preload = PRELOAD, sdkVersion = SDK_VERSION }: LeanThreadOptions,
): Promise<T> {
  if (!existsSync(preload)) return create();
  if (sdkVersion !== KNOWN_SDK_VERSION) {
    logger.warn(
      { sdkVersion },
      `WORKER_LEAN_THREADS is off: it knows version ${KNOWN_SDK_VERSION} of the Temporal SDK alone`,
    );
    return create();
  }
  const { Worker } = workerThreads;
  // The SDK starts its threads without options, so this is where they can be given one.
  const replace = (value: typeof Worker) =>
    Object.defineProperty(workerThreads, 'Worker', { value, writable: true, configurable: true });
  replace(
    class extends Worker {
      constructor(file: string | URL, options: workerThreads.WorkerOptions = {}) {
        super(file, { ...options, execArgv: ['--require', preload] });
      }
    },
  );
  try {
    const created = await create();
    logger.info({ sdkVersion }, 'the threads of workflows are lean');
    return created;
  } finally {
    replace(Worker);
  }
}

export interface LeanThreadOptions {
  logger: Pick<Logger, 'info' | 'warn'>;
  /** The compiled `preload.ts`. */
  preload?: string;
  /** Of the SDK in use. */
  sdkVersion?: string;
}
