export type CappedBody = { kind: 'whole'; bytes: Uint8Array } | { kind: 'over_cap' };

/**
 * Reads a body to its end, or until it is over `maxBytes` (counted after decompression), when the connection
 * is given up at once. Rejects as fetch does when the connection breaks or the request is aborted.
 */
export async function readCapped(response: Response, maxBytes: number): Promise<CappedBody> {
  const body = response.body;
  if (body === null) return { kind: 'whole', bytes: new Uint8Array() };
  const announcedBytes = Number(response.headers.get('content-length') ?? 0);
  if (announcedBytes > maxBytes) {
    await body.cancel();
    return { kind: 'over_cap' };
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the stream, which closes the connection.
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) return { kind: 'over_cap' };
    chunks.push(chunk);
  }
  return { kind: 'whole', bytes: Buffer.concat(chunks) };
}
