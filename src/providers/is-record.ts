/** An object whose fields may be read one by one: what a provider sends has no type until it is looked at. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
