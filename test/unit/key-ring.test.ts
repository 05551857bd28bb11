import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import {
  KEY_PURPOSES,
  KeyRingFormatError,
  parseKeyRing,
  UnknownKeyError,
} from '../../src/encryption/key-ring';

const material = () => randomBytes(32).toString('base64');

function failureOf(text: string): KeyRingFormatError {
  try {
    parseKeyRing(text);
  } catch (error) {
    if (error instanceof KeyRingFormatError) return error;
    throw error;
  }
  throw new Error('the text was taken');
}

describe('parseKeyRing', () => {
  it('takes the first key to encrypt and keeps all to decrypt', () => {
    const ring = parseKeyRing(`new:${material()}, old_2:${material()}`);
    expect(ring.primaryId).toBe('new');
    expect(ring.ids).toEqual(['new', 'old_2']);
    expect(ring.primaryKey('payload').equals(ring.key('new', 'payload'))).toBe(true);
  });

  it('takes base64 without padding, as some tools write it', () => {
    const padded = material();
    const ring = parseKeyRing(`k1:${padded.replace('=', '')}`);
    expect(ring.key('k1', 'sealing').equals(parseKeyRing(`k1:${padded}`).key('k1', 'sealing'))).toBe(true);
  });

  const key = material();
  const other = material();
  const bad: [string, string, RegExp][] = [
    ['nothing', '', /at least one key/],
    ['blanks', '  ', /at least one key/],
    ['an entry without an id', key, /entry 1 is not of the form/],
    ['an empty entry', `k1:${key},`, /entry 2 is not of the form/],
    ['an empty id', `:${key}`, /entry 1: the id/],
    ['an id with other characters', `k 1:${key}`, /entry 1: the id/],
    ['an id of 33 characters', `${'k'.repeat(33)}:${key}`, /entry 1: the id/],
    ['text that is not base64', `k1:${key.slice(0, -3)}!!=`, /entry 1: the key is not base64/],
    ['base64url', `k1:${'_-'.repeat(21)}_8=`, /entry 1: the key is not base64/],
    [
      'a key of 16 bytes',
      `k1:${randomBytes(16).toString('base64')}`,
      /must be 32 bytes in base64, and it is 16/,
    ],
    [
      'a key of 33 bytes',
      `k1:${randomBytes(33).toString('base64')}`,
      /must be 32 bytes in base64, and it is 33/,
    ],
    ['an id twice', `k1:${key},k2:${material()},k1:${other}`, /entries 1 and 3 have the same id/],
    ['a key under two ids', `k1:${key},k2:${other},k3:${key}`, /entries 1 and 3 are the same key/],
  ];

  it.each(bad)('refuses %s and repeats nothing of it', (_what, text, message) => {
    const failure = failureOf(text);
    expect(failure.message).toMatch(message);
    for (const entry of text.split(',')) {
      const secret = entry.slice(entry.indexOf(':') + 1).trim();
      if (secret.length > 3) expect(failure.message).not.toContain(secret);
    }
  });
});

describe('KeyRing', () => {
  it('derives another key for each purpose and each id', () => {
    const ring = parseKeyRing(`k1:${material()},k2:${material()}`);
    const derived = ring.ids.flatMap((id) =>
      KEY_PURPOSES.map((purpose) => ring.key(id, purpose).export().toString('hex')),
    );
    expect(new Set(derived).size).toBe(2 * KEY_PURPOSES.length);
    expect(derived.every((hex) => hex.length === 64)).toBe(true);
  });

  it('derives the same keys from the same text, whatever stands beside it', () => {
    const first = `k1:${material()}`;
    const alone = parseKeyRing(first);
    const beside = parseKeyRing(`k2:${material()},${first}`);
    for (const purpose of KEY_PURPOSES) {
      expect(beside.key('k1', purpose).equals(alone.key('k1', purpose))).toBe(true);
    }
  });

  it('names the id of a key that it lacks', () => {
    const ring = parseKeyRing(`k1:${material()}`);
    expect(() => ring.key('k0', 'payload')).toThrow(UnknownKeyError);
    expect(() => ring.key('k0', 'payload')).toThrow(/"k0"/);
    expect(() => ring.key('line\nbreak', 'payload')).toThrow(/not a key id/);
  });

  it('shows ids alone, however it is printed', () => {
    const secret = randomBytes(32);
    const ring = parseKeyRing(`k1:${secret.toString('base64')}`);
    const prints = [inspect(ring, { depth: 9, showHidden: true }), JSON.stringify({ ring }), `${ring}`];
    expect(prints).toEqual(['KeyRing(k1)', '{"ring":{"keyIds":["k1"]}}', 'KeyRing(k1)']);
  });
});
