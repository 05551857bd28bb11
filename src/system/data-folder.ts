import { mkdir } from 'node:fs/promises';
import path from 'node:path';

/** Where development keeps what must outlive a process: the key, and Temporal's database. */
export const DATA_FOLDER = path.resolve('.processor-link');

/** The folder, made readable to its owner alone. */
export async function ensureDataFolder(folder: string = DATA_FOLDER): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}
