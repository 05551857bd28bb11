import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DATA_FOLDER, ensureDataFolder } from '../system/data-folder';
import { errorCode } from '../system/error-code';
import { type KeyRing, parseKeyRing } from './key-ring';

const KEY_FILE = 'encryption-key';

/** A new key, as `ENCRYPTION_KEYS` takes it. */
export function makeKey(id: string): string {
  return `${id}:${randomBytes(32).toString('base64')}`;
}

/**
 * The key of this machine, for development without `ENCRYPTION_KEYS`: made once, kept with mode 600. Processes that
 * start at the same time agree, because the file appears whole or not at all, and the first one wins.
 */
export async function developmentKeyRing(folder: string = DATA_FOLDER): Promise<KeyRing> {
  await ensureDataFolder(folder);
  const file = path.join(folder, KEY_FILE);
  const existing = await readIfThere(file);
  if (existing !== undefined) return parseKeyRing(existing.trim());
  const draft = `${file}.${process.pid}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(draft, `${makeKey('dev')}\n`, { mode: 0o600, flag: 'wx' });
    // A link, unlike a rename, does not replace the key of a process that was quicker.
    await link(draft, file).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  return parseKeyRing((await readFile(file, 'utf8')).trim());
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
