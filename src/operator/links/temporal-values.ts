/** Values as Temporal's API has them, made into those of JavaScript. */
import type { temporal } from '@temporalio/proto';

type Timestamp = { seconds?: { toNumber(): number } | number | null; nanos?: number | null };
type IndexedFields = temporal.api.common.v1.ISearchAttributes['indexedFields'];

/** Milliseconds since 1970; undefined where there is none. */
export function millisecondsOf(time: Timestamp | null | undefined): number | undefined {
  if (!time) return undefined;
  const { seconds, nanos } = time;
  const whole = typeof seconds === 'number' ? seconds : (seconds?.toNumber() ?? 0);
  return whole * 1_000 + Math.floor((nanos ?? 0) / 1_000_000);
}

/** ISO 8601 in UTC. */
export function isoOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** The values of a search attribute as texts; none where it is not set. */
export function indexedTexts(fields: IndexedFields, name: string): string[] {
  const data = fields?.[name]?.data;
  if (!data || data.length === 0) return [];
  const value: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === 'string');
}
