import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeKey } from '../../src/encryption/development-key';
import { parseKeyRing } from '../../src/encryption/key-ring';
import { parseSealingKeys, parseSealingPublicKeys } from '../../src/encryption/sealing-keys';

const run = promisify(execFile);
const ROOT = path.join(__dirname, '..', '..');
const [k1, k2, s1] = [makeKey('k1'), makeKey('k2'), makeKey('s1')];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'processor-link-keys-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What `npm run keys` prints, away from any `.env`. */
async function keys(...args: string[]): Promise<string> {
  const env = { PATH: process.env.PATH, ENCRYPTION_KEYS: `${k1},${k2}`, SEALING_KEYS: s1 };
  const loader = require.resolve('tsx');
  const script = path.join(ROOT, 'src', 'commands', 'keys.ts');
  const { stdout } = await run(process.execPath, ['--import', loader, script, ...args], { cwd: folder, env });
  return stdout;
}

const valuesOf = (text: string, name: string) =>
  [...text.matchAll(new RegExp(`${name}=(\\S+)`, 'g'))].map(([, value = '']) => value);

jest.setTimeout(60_000);

it('makes an encryption key', async () => {
  expect(parseKeyRing((await keys('new', 'k3')).trim()).ids).toEqual(['k3']);
});

it('makes a pair for sealing', async () => {
  const text = await keys('new', '--sealing', 's2');
  const [secret = ''] = valuesOf(text, 'SEALING_KEYS');
  const [shown = ''] = valuesOf(text, 'SEALING_PUBLIC_KEYS');
  expect(parseSealingPublicKeys(shown).id).toBe('s2');
  expect(await parseSealingKeys(secret).publicText()).toBe(shown);
});

it('lists keys by their ids alone', async () => {
  const text = await keys('list');
  expect(text).toMatch(/k1 +first: encrypts/);
  expect(text).toMatch(/k2 +yes: decrypts/);
  expect(text).toMatch(/s1 +first: seals/);
  for (const key of [k1, k2, s1]) expect(text).not.toContain(key.slice(3, 20));
});

it('says how a new encryption key takes over, in an order that loses nothing', async () => {
  const text = await keys('rotate');
  const steps = valuesOf(text, 'ENCRYPTION_KEYS').map((value) =>
    value.split(',').map((key) => key.split(':')[0]),
  );
  const [fresh] = steps[2] ?? [];
  expect(steps).toEqual([['k1', 'k2', fresh], [fresh, 'k1', 'k2'], [fresh]]);
  for (const key of [k1, k2]) expect(text).not.toContain(key.slice(3, 20));
});

it('says how a new sealing key takes over: workers first', async () => {
  const text = await keys('rotate', '--sealing');
  const idsOf = (value: string) => value.split(',').map((key) => key.split(':')[0]);
  const steps = valuesOf(text, 'SEALING_KEYS').map(idsOf);
  const [fresh] = steps[2] ?? [];
  expect(steps).toEqual([['s1', fresh], [fresh, 's1'], [fresh]]);
  expect(valuesOf(text, 'SEALING_PUBLIC_KEYS').map(idsOf)).toEqual([[fresh]]);
  expect(text.indexOf('SEALING_KEYS=')).toBeLessThan(text.indexOf('SEALING_PUBLIC_KEYS='));
});

it('says how it is used when it is not understood', async () => {
  for (const args of [[], ['list', 'x'], ['new', 'not an id'], ['rotate', '--all']]) {
    await expect(keys(...args)).rejects.toThrow(/Usage|key id/);
  }
});
