/** 32 random bytes have fewer different ones less than once in ten thousand million keys. */
const LEAST_DIFFERENT = 16;

/** Whether an entry `id:base64` of a key ring holds no 32 random bytes: a text, a repetition or a row. */
export function isWeakKey(entry = ''): boolean {
  const bytes = [...Buffer.from(entry.slice(entry.indexOf(':') + 1), 'base64')];
  const steps = bytes.map((byte, index) => (byte - (bytes[index - 1] ?? 0)) & 0xff);
  const isText = bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  return isText || [bytes, steps].some((numbers) => new Set(numbers).size < LEAST_DIFFERENT);
}
