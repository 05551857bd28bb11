import { createHash, randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../logging/logger';
import { DATA_FOLDER, ensureDataFolder } from '../system/data-folder';
import type { PlaidKeyStore } from '../webhooks/plaid-key-cache';
import { parseStoredPlaidKeys } from '../webhooks/stored-plaid-keys';

/**
 * Keeps Plaid's verification keys, which are public, in a file of the data folder, so that a restarted API verifies webhooks
 * at once. One file per Plaid: a key of the Sandbox must never count in production. Where nothing can be written, keys are
 * looked up again after a restart.
 */
export function plaidKeyFile(plaidUrl: string, logger: Logger, folder = DATA_FOLDER): PlaidKeyStore {
  const place = createHash('sha256').update(plaidUrl).digest('hex').slice(0, 12);
  const file = path.join(folder, `plaid-keys-${place}.json`);
  return {
    read: async () => parseStoredPlaidKeys(await readFile(file, 'utf8').catch(() => '[]')),
    async write(keys) {
      const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
      try {
        await ensureDataFolder(folder);
        await writeFile(draft, JSON.stringify(keys), { mode: 0o600 });
        await rename(draft, file);
      } catch (error) {
        logger.debug({ err: error }, "Plaid's verification keys could not be stored for the next start");
        await rm(draft, { force: true }).catch(() => undefined);
      }
    },
  };
}
