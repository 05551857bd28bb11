import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import type { Logger } from '../logging/logger';
import { StartError } from '../process/start-error';
import { mayPass, reasonOf } from '../temporal/grpc-status';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
const CALL_TIMEOUT_MS = 5_000;

/**
 * A connection for workers, once Temporal answers for the namespace: processes that are started together find it not there
 * yet. Tries for `patienceMs`, then throws {@link StartError}, and at once where Temporal refuses it; rejects with an AbortError when `stop` aborts.
 */
export async function connectWhenReady({
  connectConfig,
  namespace,
  logger,
  stop,
  patienceMs = 120_000,
}: {
  connectConfig: ClientConnectConfig;
  namespace: string;
  logger: Logger;
  stop: AbortSignal;
  patienceMs?: number;
}): Promise<NativeConnection> {
  const { address = '127.0.0.1:7233', tls, apiKey, metadata } = connectConfig.connectionOptions;
  const endMs = Date.now() + patienceMs;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    let connection: NativeConnection | undefined;
    try {
      connection = await NativeConnection.connect({
        address,
        ...(tls !== undefined && { tls }),
        ...(apiKey !== undefined && { apiKey }),
        ...(metadata !== undefined && { metadata }),
      });
      const { workflowService } = connection;
      await connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
        workflowService.describeNamespace({ namespace }),
      );
      return connection;
    } catch (error) {
      await connection?.close();
      stop.throwIfAborted();
      if (!mayPass(error)) {
        throw new StartError(
          `Temporal at ${address} refuses namespace "${namespace}": ${reasonOf(error)}. ` +
            'Check TEMPORAL_NAMESPACE, TEMPORAL_API_KEY and the certificates.',
          { cause: error },
        );
      }
      if (Date.now() + pauseMs > endMs) {
        throw new StartError(
          `Temporal at ${address} did not answer for namespace "${namespace}" within ${patienceMs / 1000} s. ` +
            'Check TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, and that the server runs.',
          { cause: error },
        );
      }
      logger.warn({ err: error, address, namespace, againAfterMs: pauseMs }, 'Temporal is not ready');
    }
    await sleep(pauseMs, undefined, { signal: stop });
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
