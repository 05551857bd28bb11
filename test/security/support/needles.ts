/** What a secret would look like, should it turn up somewhere. */
export interface Needle {
  /** Whose it is: `access token`. */
  name: string;
  /** How it is written. */
  encoding: string;
  bytes: Buffer;
}

/** Part of a text in base64 that does not depend on what stands beside it, for a text that begins at `offset` of a triple. */
function insideBase64(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  // A character holds bits of two bytes where it stands at the seam.
  return text.slice(offset === 0 ? 0 : 4, text.length - 2);
}

/**
 * Every way of writing a secret that is looked for: as it is, hex, base64 and base64url at each offset, URL-encoded. Of each
 * the two halves alone, since a database may split a value between two pages.
 */
export function needlesOf(name: string, secret: string | Buffer): Needle[] {
  const bytes = typeof secret === 'string' ? Buffer.from(secret) : secret;
  const hex = bytes.toString('hex');
  const base64 = [0, 1, 2].map((offset) => insideBase64(bytes, offset));
  const texts: [string, string | Buffer][] = [
    ['as it is', bytes],
    ['hex', hex],
    ['HEX', hex.toUpperCase()],
    ...base64.map((text, offset): [string, string] => [`base64 at ${offset}`, text]),
    ...base64.map((text, offset): [string, string] => [
      `base64url at ${offset}`,
      text.replaceAll('+', '-').replaceAll('/', '_'),
    ]),
    ...(typeof secret === 'string'
      ? ([['URL-encoded', encodeURIComponent(secret)]] satisfies [string, string][])
      : []),
  ];
  const needles = new Map<string, Needle>();
  for (const [encoding, text] of texts) {
    const whole = Buffer.from(text);
    const middle = Math.floor(whole.length / 2);
    for (const half of [whole.subarray(0, middle), whole.subarray(middle)]) {
      needles.set(half.toString('latin1'), { name, encoding, bytes: half });
    }
  }
  return [...needles.values()];
}

/** What was collected from one place: the database, say, or the log of a process. */
export interface Haystack {
  place: string;
  bytes: Buffer;
}

export interface Finding {
  place: string;
  name: string;
  encoding: string;
}

/** Where which secrets are, each once a place and encoding. Nothing of a secret is in it. */
export function search(haystacks: readonly Haystack[], needles: readonly Needle[]): Finding[] {
  const findings = new Map<string, Finding>();
  for (const { place, bytes: hay } of haystacks) {
    for (const { name, encoding, bytes } of needles) {
      if (hay.includes(bytes)) findings.set(`${place} ${name} ${encoding}`, { place, name, encoding });
    }
  }
  return [...findings.values()];
}
