import { createHash } from 'node:crypto';
import { jobStatusIn } from '../../contract/atomic';
import { isRecord } from '../is-record';
import type { AtomicResult } from '../types';
import { memberText } from './json-text';

/**
 * The result in the body of a 200: the content of `data`, or the whole body where it has none. Undefined when the
 * body is not JSON. The parser's own error quotes the text, so it is dropped.
 */
export function resultOf(bytes: Uint8Array): AtomicResult | undefined {
  let text: string;
  let body: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  const data = isRecord(body) && Object.hasOwn(body, 'data') ? memberText(text, 'data') : undefined;
  const result = isRecord(body) && data !== undefined ? body.data : body;
  const statuses = [jobStatusIn(body), jobStatusIn(result)];
  if (statuses.includes('failed')) return { kind: 'failed' };
  if (statuses.includes('running')) return { kind: 'none' };
  return {
    kind: 'found',
    resultText: data ?? text.trim(),
    empty: isEmpty(result),
    sha256: contentHash(result, bytes),
  };
}

/** Nothing was found, or Atomic has not looked yet: no list, or none with an entry. */
function isEmpty(result: unknown): boolean {
  if (Array.isArray(result)) return result.length === 0;
  return result === null || (isRecord(result) && !Object.values(result).some(isFilledList));
}

function isFilledList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

/**
 * Tells the result of an earlier run, however it is written: SHA-256 of its lists with every object's keys in order. What
 * stands beside the lists (times, counts, request ids) may change from one reading to the next.
 */
function contentHash(result: unknown, bytes: Uint8Array): string {
  const content =
    isRecord(result) && !isEmpty(result)
      ? Object.fromEntries(Object.entries(result).filter(([, value]) => isFilledList(value)))
      : result;
  let canonical: string | Uint8Array;
  try {
    canonical = JSON.stringify(content, inOrder);
  } catch {
    // Nested too deeply to be written again.
    canonical = bytes;
  }
  return createHash('sha256').update(canonical).digest('hex');
}

function inOrder(_key: string, value: unknown): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
