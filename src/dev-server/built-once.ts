import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lock } from 'proper-lockfile';
import { errorCode } from '../system/error-code';

/** A holder touches its lock this often; one that was killed counts as gone after `STALE_MS`. */
const TOUCH_MS = 3_000;
const STALE_MS = 30_000;
const ASK_AGAIN_MS = 500;
const TELL_EVERY_MS = 15_000;

interface LockOptions {
  folder: string;
  name: string;
  /** How long to wait for another process. */
  timeoutMs: number;
  log: (line: string) => void;
}

export interface BuildOptions<T> extends LockOptions {
  /** Answers what was made before; undefined where there is none. */
  find: () => Promise<T | undefined>;
  make: () => Promise<T>;
}

/** What was made before, or else is made now. Callers and processes on this machine that ask at once make one between them. */
export async function builtOnce<T>({ find, make, ...options }: BuildOptions<T>): Promise<T> {
  // Another process may have made it while this one waited for the lock.
  return (await find()) ?? (await withLock(options, async () => (await find()) ?? (await make())));
}

/** Runs `work` while no other process on this machine runs work under the same lock. */
async function withLock<T>(options: LockOptions, work: () => Promise<T>): Promise<T> {
  const { folder, name, timeoutMs, log } = options;
  await mkdir(folder, { recursive: true });
  const lockfilePath = join(folder, `${name}.lock`);
  const startedAt = Date.now();
  let tellAtMs = 0;
  for (;;) {
    let release: () => Promise<void>;
    try {
      release = await lock(folder, {
        lockfilePath,
        stale: STALE_MS,
        update: TOUCH_MS,
        // A lock that is lost (a suspended laptop) may make two processes build: what they make is renamed into place whole.
        onCompromised: (error) => log(`The lock ${lockfilePath} was lost: ${error.message}`),
      });
    } catch (error) {
      if (errorCode(error) !== 'ELOCKED') throw error;
      const waitedMs = Date.now() - startedAt;
      if (waitedMs > timeoutMs) {
        throw new Error(
          `another process has held ${lockfilePath} for ${Math.round(waitedMs / 1000)} s; remove it if none is at work`,
        );
      }
      if (waitedMs >= tellAtMs) {
        log(`Another process is making ${name}; waiting for it (${Math.round(waitedMs / 1000)} s).`);
        tellAtMs = waitedMs + TELL_EVERY_MS;
      }
      await delay(ASK_AGAIN_MS);
      continue;
    }
    try {
      return await work();
    } finally {
      // Fails only where the lock was lost before, which has been told.
      await release().catch(() => undefined);
    }
  }
}
