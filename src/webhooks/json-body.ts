import { parse } from 'secure-json-parse';
import type { z } from 'zod';

/** What is wrong with a webhook, in words that repeat nothing of its content. `body` is the path of the whole. */
export interface WebhookProblem {
  path: string;
  message: string;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; errors: WebhookProblem[] };

// The parser below drops a byte order mark itself, so the decoder may keep it.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * JSON of a raw body. Refused beside malformed JSON: bytes that are not UTF-8, which would otherwise turn into
 * replacement characters and so into another text than the one that was signed, and objects with an own
 * `__proto__` or `constructor.prototype`, which a later merge could write into `Object.prototype`. Depth is
 * harmless: neither the engine's parser nor the scan for such keys recurses. Never throws.
 */
export function parseJsonBody(rawBody: Uint8Array): Parsed<unknown> {
  let text: string;
  try {
    text = utf8.decode(rawBody);
  } catch {
    return failed({ path: 'body', message: 'must be UTF-8' });
  }
  try {
    return { ok: true, value: parse(text) };
  } catch {
    return failed({ path: 'body', message: 'must be JSON without __proto__ or constructor.prototype' });
  }
}

/** The value as the schema has it. Messages are the schema's, which name types and limits, not what was sent. */
export function parseShape<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  return failed(
    ...result.error.issues.map(({ path, message }) => ({ path: path.join('.') || 'body', message })),
  );
}

export function failed(...errors: WebhookProblem[]): { ok: false; errors: WebhookProblem[] } {
  return { ok: false, errors };
}
