/** `npm run api`: the HTTP API, a process of its own. */
import { type Entry, readEnvironment, runEntry } from './entry';
import { readEnvFile } from './env-file';
import { startApi } from './run-api';
import { readApiSettings, readCallerSecrets } from './settings';
import type { ApiSettings } from './settings-types';
import { connectTemporal } from './temporal/connection';
import { keyRingOf, plaidOf } from './wiring';

const entry: Entry<ApiSettings> = {
  name: 'api',
  readSettings: readApiSettings,
  async start({ settings, logger }) {
    const { connectConfig, namespace, taskQueue } = settings.temporal;
    const keyRing = await keyRingOf(settings.temporal, logger);
    const connection = await connectTemporal({ connectConfig });
    const api = await startApi({
      connection,
      namespace,
      taskQueue,
      keyRing,
      plaid: plaidOf(settings.plaid),
      http: settings.http,
      secrets: settings,
      logger,
    });
    return {
      async close() {
        await api.close();
        await connection.close();
      },
      reload() {
        try {
          // The environment of a process never changes, so here the file wins.
          const { API_KEYS, ATOMIC_WEBHOOK_SECRETS } = readEnvFile();
          const file = {
            ...(API_KEYS && { API_KEYS }),
            ...(ATOMIC_WEBHOOK_SECRETS && { ATOMIC_WEBHOOK_SECRETS }),
          };
          const secrets = readCallerSecrets({ ...readEnvironment(), ...file });
          api.use(secrets);
          logger.info(
            { apiKeys: secrets.apiKeys.length, atomicWebhookSecrets: secrets.atomicWebhookSecrets.length },
            'API_KEYS and ATOMIC_WEBHOOK_SECRETS were read again',
          );
        } catch (error) {
          logger.error({ err: error }, 'the settings were not read again; those from before still count');
        }
      },
    };
  },
};

void runEntry(entry);
