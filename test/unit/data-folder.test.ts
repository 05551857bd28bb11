import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { developmentKeyRing, makeKey } from '../../src/encryption/development-key';
import { parseKeyRing } from '../../src/encryption/key-ring';
import { DataFolderError, ensureDataFolder } from '../../src/system/data-folder';

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

describe('a data folder that cannot be used', () => {
  it.each([
    { what: 'a file', code: 'EEXIST', folder: () => path.join(root, 'file') },
    { what: 'below a file', code: 'ENOTDIR', folder: () => path.join(root, 'file', 'data') },
  ])('is refused in a sentence that says what to do: $what', async ({ code, folder }) => {
    await writeFile(path.join(root, 'file'), '');
    const failure = ensureDataFolder(folder());
    await expect(failure).rejects.toThrow(DataFolderError);
    await expect(failure).rejects.toThrow(
      `Nothing can be kept in ${folder()} (${code}). Make it a folder that this user can write to, or start in another folder.`,
    );
  });

  it.each(['', 'dev:c2hvcnQ=', 'no key at all'])('is refused where its key is %p', async (text) => {
    await writeFile(path.join(root, 'encryption-key'), text);
    const failure = developmentKeyRing(root).catch((error: unknown) => error);
    expect(await failure).toBeInstanceOf(DataFolderError);
    expect(String(await failure)).toMatch(
      /^DataFolderError: The key in .*encryption-key is damaged \(.*\)\. Put/,
    );
    if (text !== '') expect(String(await failure)).not.toContain(text);
  });

  it('is refused where its key is a folder', async () => {
    await mkdir(path.join(root, 'encryption-key'));
    await expect(developmentKeyRing(root)).rejects.toThrow(
      /encryption-key cannot be read \(EISDIR\)\. Make it/,
    );
  });
});

it('makes keys that the key ring takes, never the same twice', () => {
  expect(parseKeyRing(makeKey('k1')).ids).toEqual(['k1']);
  expect(makeKey('k1')).not.toBe(makeKey('k1'));
});
