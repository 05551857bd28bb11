import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionLike, isGrpcServiceError } from '@temporalio/client';
import type { Logger } from '../logging/logger';
import { GRPC_STATUS, mayPass } from '../temporal/grpc-status';
import { ensureSearchAttributes, SearchAttributesError } from '../temporal/search-attributes';
import { StartError } from './start-error';

const AGAIN_AFTER_MS = 5_000;
/** The credentials do not reach that far, or the server has no such call. */
const NOT_FOR_US: readonly number[] = [GRPC_STATUS.PERMISSION_DENIED, GRPC_STATUS.UNIMPLEMENTED];

/**
 * Registers the search attributes as soon as Temporal can be reached, in the background. Where that is not allowed it
 * says so once: an operator runs `npm run search-attributes` with rights that suffice. `done` rejects with
 * {@link StartError} where waiting cannot help, as with an attribute of the wrong type.
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
        const cause = error instanceof SearchAttributesError ? error.cause : error;
        if (isGrpcServiceError(cause) && NOT_FOR_US.includes(cause.code)) {
          logger.warn({ err: error }, 'search attributes are missing; run: npm run search-attributes');
          return;
        }
        if (error instanceof SearchAttributesError && (cause === undefined || !mayPass(cause)))
          throw new StartError(error.message, { cause: error });
        if (!told) logger.warn({ err: error }, 'Temporal cannot be reached; trying again');
        told = true;
      }
      await sleep(AGAIN_AFTER_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  }

  const done = register();
  // The code that needs it waits for it; until then there may be no listener.
  done.catch(() => undefined);
  return { stop: () => stopping.abort(), done };
}
