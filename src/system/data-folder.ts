import { access, constants, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { SafeError } from '../contract/safe-error';
import { errorCode } from './error-code';

/** Where development keeps what must outlive a process: the key, and Temporal's database. */
export const DATA_FOLDER = path.resolve('.processor-link');

/** The data folder, or something in it, cannot be used. The message says what to do. */
export class DataFolderError extends SafeError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DataFolderError';
  }
}

/** The folder, made readable to its owner alone. Throws {@link DataFolderError} where nothing can be written to it. */
export async function ensureDataFolder(folder: string = DATA_FOLDER): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new DataFolderError(
      `Nothing can be kept in ${folder} (${errorCode(error)}). Make it a folder that this user can write to, or start in another folder.`,
      { cause: error },
    );
  }
  return folder;
}
