import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { developmentKeyRing, makeKey } from '../../src/encryption/development-key';
import { parseKeyRing } from '../../src/encryption/key-ring';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'processor-link-'));
});
afterEach(() => rm(root, { recursive: true }));

describe('the key of a machine', () => {
  it('is made once, whoever asks first', async () => {
    const folder = path.join(root, 'data');
    const rings = await Promise.all(Array.from({ length: 20 }, () => developmentKeyRing(folder)));
    const [first] = rings;
    const keyOf = (ring = first) => ring?.primaryKey('payload').export().toString('hex');
    expect(keyOf()).toMatch(/^[0-9a-f]{64}$/);
    for (const ring of rings) expect(keyOf(ring)).toBe(keyOf());
    expect(await readdir(folder)).toEqual(['encryption-key']);
  });

  it('can be read by its owner alone', async () => {
    const folder = path.join(root, 'data');
    await developmentKeyRing(folder);
    expect((await stat(path.join(folder, 'encryption-key'))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });
});

it('makes keys that the key ring takes, never the same twice', () => {
  expect(parseKeyRing(makeKey('k1')).ids).toEqual(['k1']);
  expect(makeKey('k1')).not.toBe(makeKey('k1'));
});
