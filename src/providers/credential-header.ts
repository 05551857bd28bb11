/**
 * A credential that can be sent as a header. A line break at the end of a secret read from a file is the usual
 * mistake, and fetch would answer it on every call with an error that quotes the secret; this one names it only.
 */
export function credentialHeader(name: string, value: string): string {
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw new Error(`${name} must be printable ASCII without spaces or line breaks`);
  }
  return value;
}
