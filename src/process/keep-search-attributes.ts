import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionLike, isGrpcServiceError } from '@temporalio/client';
import type { Logger } from '../logging/logger';
import { ensureSearchAttributes } from '../temporal/search-attributes';

const AGAIN_AFTER_MS = 5_000;
const GRPC_UNAVAILABLE = [1, 4, 14];

/**
 * Registers the search attributes as soon as Temporal can be reached, in the background. Where that is not allowed it
 * says so once: an operator runs `npm run search-attributes` with rights that suffice.
 */
export function keepSearchAttributes({
  connection,
  namespace,
  logger,
}: {
  connection: ConnectionLike;
  namespace: string;
  logger: Logger;
}): { stop(): void; done: Promise<void> } {
  const stopping = new AbortController();

  async function register(): Promise<void> {
    let told = false;
    while (!stopping.signal.aborted) {
      try {
        const { added } = await ensureSearchAttributes(connection, namespace);
        if (added.length > 0) logger.info({ added }, 'search attributes registered');
        return;
      } catch (error) {
        if (stopping.signal.aborted) return;
        const cause = error instanceof Error ? error.cause : undefined;
        if (isGrpcServiceError(cause) && !GRPC_UNAVAILABLE.includes(cause.code)) {
          logger.warn({ err: error }, 'search attributes are missing; run: npm run search-attributes');
          return;
        }
        if (!told) logger.warn({ err: error }, 'Temporal cannot be reached; trying again');
        told = true;
      }
      await sleep(AGAIN_AFTER_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  }

  return { stop: () => stopping.abort(), done: register() };
}
