import { context, propagation, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import pino from 'pino';
import { contextOf, currentTraceparent, inSpan } from '../../src/tracing/spans';
import { startTracing } from '../../src/tracing/start-tracing';

const NOWHERE = { attributes: {}, codeOf: () => 'SOME_CODE' };

describe('while nothing is traced', () => {
  test('work is done as ever, and calls carry no header', async () => {
    expect(await inSpan('work', NOWHERE, async () => currentTraceparent())).toBeUndefined();
  });

  test('an endpoint of gRPC is said to be none for traces', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const tracing = startTracing({ endpoint: 'http://127.0.0.1:4317', part: 'api', logger });
    expect(lines.join()).toContain('4318');
    expect(await inSpan('work', NOWHERE, async () => currentTraceparent())).toBeUndefined();
    await tracing.stop();
  });
});

describe('while traces are taken', () => {
  const exporter = new InMemorySpanExporter();
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
    );
  });
  afterEach(() => exporter.reset());

  test('what follows from a header is part of its span', async () => {
    const header = await inSpan('outer', NOWHERE, async () => currentTraceparent());
    await inSpan('inner', { ...NOWHERE, parent: contextOf(header) }, async () => undefined);
    const [outer, inner] = exporter.getFinishedSpans();
    expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
    expect(inner?.spanContext().traceId).toBe(outer?.spanContext().traceId);
  });

  test('of an error there is its code and nothing else', async () => {
    const error = new Error('no answer for access-sandbox-secret');
    await expect(inSpan('work', NOWHERE, () => Promise.reject(error))).rejects.toBe(error);
    const [span] = exporter.getFinishedSpans();
    expect(span).toMatchObject({
      attributes: { 'error.type': 'SOME_CODE' },
      status: { code: SpanStatusCode.ERROR, message: 'SOME_CODE' },
      events: [],
    });
  });
});
