import { setTimeout as sleep } from 'node:timers/promises';
import {
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
} from '@temporalio/client';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';

export const DEFAULT_NAMESPACE = 'default';

/**
 * Where Temporal is, from `TEMPORAL_*` and the config file they may name (@temporalio/envconfig). Throws on a config
 * file or certificate that cannot be read.
 */
export function readConnectConfig(env: Readonly<Record<string, string | undefined>>): ClientConnectConfig {
  const overrideEnvVars: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) overrideEnvVars[name] = value;
  return loadClientConnectConfig({ overrideEnvVars });
}

/** The namespace of a connect config. */
export function namespaceOf(connectConfig: ClientConnectConfig): string {
  return connectConfig.namespace ?? DEFAULT_NAMESPACE;
}

const CHANNEL_ARGS = {
  // A silently dead connection is noticed well within a long poll. Temporal allows one ping each 10 s.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  // gRPC's default backs off to two minutes: calls would go on failing that long after Temporal is back.
  'grpc.initial_reconnect_backoff_ms': 250,
  'grpc.max_reconnect_backoff_ms': 2_000,
} as const;

/** The longest pause between two tries of a call: Temporal's return is noticed within it. */
const MAX_RETRY_PAUSE_MS = 1_000;

/**
 * A lazy connection that can be closed at any time. The SDK's retries run on a timer that throws, out of reach of any
 * caller, once the channel is closed; so closing stops retries first and lets the last pause run out.
 */
export function closableConnection(options: ConnectionOptions): Connection {
  const defaults = defaultGrpcRetryOptions();
  let closing = false;
  let lastRetryAt = 0;
  const retryInterceptor = makeGrpcRetryInterceptor({
    retryableDecider: (attempt, status) => !closing && defaults.retryableDecider(attempt, status),
    delayFunction: (attempt, status) => {
      const pauseMs = Math.min(defaults.delayFunction(attempt, status), MAX_RETRY_PAUSE_MS);
      lastRetryAt = Math.max(lastRetryAt, Date.now() + pauseMs);
      return pauseMs;
    },
  });

  class ClosableConnection extends Connection {
    override async close(): Promise<void> {
      closing = true;
      const pauseMs = lastRetryAt - Date.now();
      if (pauseMs > -10) await sleep(pauseMs + 20);
      await super.close();
    }
  }
  return ClosableConnection.lazy({ ...options, interceptors: [retryInterceptor] });
}

/**
 * A client connection. Lazy unless `lazy` is false: calls made while Temporal is away fail within their deadline, and
 * succeed once it is back. With `lazy: false` it throws when Temporal does not answer within `connectTimeoutMs`.
 */
export async function connectTemporal({
  connectConfig,
  lazy = true,
  connectTimeoutMs = 5_000,
}: {
  connectConfig: ClientConnectConfig;
  lazy?: boolean;
  connectTimeoutMs?: number;
}): Promise<Connection> {
  const { address, tls, apiKey, metadata } = connectConfig.connectionOptions;
  const options: ConnectionOptions = {
    ...(address !== undefined && { address }),
    ...(tls !== undefined && { tls }),
    ...(apiKey !== undefined && { apiKey }),
    ...(metadata !== undefined && { metadata }),
    connectTimeout: connectTimeoutMs,
    channelArgs: CHANNEL_ARGS,
  };
  const connection = closableConnection(options);
  if (lazy) return connection;
  try {
    await connection.ensureConnected();
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}
