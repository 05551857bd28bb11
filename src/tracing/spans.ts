import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

export { SpanKind } from '@opentelemetry/api';

/** W3C's header for the span that a call was made in. */
const TRACEPARENT = 'traceparent';

export interface SpanOptions {
  kind?: SpanKind;
  /** Ids, patterns and codes: no payload, no token, no address. */
  attributes: Attributes;
  /** Default: the span that is under way. */
  parent?: Context;
  /** A failure in one word. */
  codeOf(error: unknown): string;
}

/** Does the work in a span of its own, which costs next to nothing where nothing is traced. Of an error only its code is kept. */
export function inSpan<T>(
  name: string,
  { kind = SpanKind.INTERNAL, attributes, parent = context.active(), codeOf }: SpanOptions,
  work: () => Promise<T>,
): Promise<T> {
  return tracer().startActiveSpan(name, { kind, attributes }, parent, async (span) => {
    try {
      return await work();
    } catch (error) {
      const code = codeOf(error);
      span.setAttribute('error.type', code).setStatus({ code: SpanStatusCode.ERROR, message: code });
      throw error;
    } finally {
      span.end();
    }
  });
}

function tracer() {
  return trace.getTracer('processor-link');
}

/** The span that is under way, as the text of a header; undefined where nothing is traced. */
export function currentTraceparent(): string | undefined {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier[TRACEPARENT];
}

/** For spans that follow from the one that a header names. */
export function contextOf(traceparent: string | undefined): Context {
  if (traceparent === undefined) return ROOT_CONTEXT;
  return propagation.extract(ROOT_CONTEXT, { [TRACEPARENT]: traceparent });
}
