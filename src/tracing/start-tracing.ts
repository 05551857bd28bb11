import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { VERSION } from '../contract/version';
import type { Logger } from '../logging/logger';
import { settleWithin } from '../system/settle-within';

/** The port of OTLP over gRPC, which traces are not sent by. */
const GRPC_PORT = '4317';
const FLUSH_WITHIN_MS = 3_000;

export interface Tracing {
  /** Sends what there is, within 3 s. */
  stop(): Promise<void>;
}

/**
 * Sends traces by OTLP over HTTP to `<endpoint>/v1/traces`; without an endpoint nothing is traced. Once a process, before
 * anything that is traced. `part` is the process: `api`, `worker`.
 */
export function startTracing({
  endpoint,
  part,
  logger,
}: {
  endpoint: string | undefined;
  part: string;
  logger: Logger;
}): Tracing {
  if (endpoint === undefined) return { stop: async () => undefined };
  if (new URL(endpoint).port === GRPC_PORT) {
    logger.warn('no traces: they are sent by OTLP over HTTP, usually to port 4318; 4317 is for gRPC');
    return { stop: async () => undefined };
  }
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': `processor-link-${part}`,
      'service.namespace': 'processor-link',
      'service.version': VERSION,
    }),
    spanProcessors: [
      new BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` })),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return {
    stop: () => settleWithin(provider.shutdown(), FLUSH_WITHIN_MS, undefined).catch(() => undefined),
  };
}
