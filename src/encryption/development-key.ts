import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DATA_FOLDER, DataFolderError, ensureDataFolder } from '../system/data-folder';
import { errorCode } from '../system/error-code';
import { type KeyRing, KeyRingFormatError, parseKeyRing } from './key-ring';

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
  if (existing !== undefined) return keyRingIn(file, existing);
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
  return keyRingIn(file, await readFile(file, 'utf8'));
}

function keyRingIn(file: string, text: string): KeyRing {
  try {
    return parseKeyRing(text.trim());
  } catch (error) {
    if (!(error instanceof KeyRingFormatError)) throw error;
    throw new DataFolderError(
      `The key in ${file} is damaged (${error.message}). Put a copy of it back, or remove ${path.dirname(file)} and start again: nothing in there can be read without the key.`,
      { cause: error },
    );
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new DataFolderError(
      `${file} cannot be read (${errorCode(error)}). Make it a file that this user can read, or remove it.`,
      { cause: error },
    );
  }
}
