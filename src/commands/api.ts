/** `npm run api`: the HTTP API, a process of its own. */
import { encryptedPayloadCounter, gaugeKeys } from '../process/encryption-metrics';
import { readEnvFile, readEnvironment } from '../process/environment';
import { plaidKeyFile } from '../process/plaid-key-file';
import { processMetrics } from '../process/process-metrics';
import { measureProviders } from '../process/provider-metrics';
import { runEntry } from '../process/run-entry';
import { startApi } from '../process/start-api';
import { keyRingOf, plaidOf } from '../process/wiring';
import { watchBoth } from '../providers/watch-requests';
import { apiSchema, callersSchema } from '../settings/schemas';
import { connectTemporal } from '../temporal/connection';
import { startTracing } from '../tracing/start-tracing';
import { traceProviders } from '../tracing/trace-providers';

void runEntry({
  name: 'api',
  readSettings: apiSchema.read,
  async start({ settings, logger, audit }) {
    const { connectConfig, namespace, taskQueue } = settings.temporal;
    const keyRing = await keyRingOf(settings.temporal, logger);
    const connection = await connectTemporal({ connectConfig });
    const metrics = processMetrics();
    gaugeKeys(metrics, keyRing);
    const tracing = startTracing({ endpoint: settings.otlpEndpoint, part: 'api', logger });
    const watch = watchBoth(traceProviders, measureProviders(metrics));
    const api = await startApi({
      connection,
      namespace,
      taskQueue,
      keyRing,
      sealingPublicKey: settings.sealingPublicKey,
      plaid: plaidOf(settings.plaid, watch),
      plaidEnvironment: settings.plaid.environment,
      plaidKeys: plaidKeyFile(settings.plaid.baseUrl, logger),
      http: settings.http,
      atomicEvents: settings.atomicEvents,
      secrets: settings,
      metrics,
      onPayloadEncrypted: encryptedPayloadCounter(metrics),
      logger,
      audit,
    });
    return {
      drain: api.drain,
      ended: api.ended,
      async close() {
        await api.close();
        await connection.close();
        await tracing.stop();
      },
      reload() {
        try {
          // The environment of a process never changes, so here the file wins.
          const { API_KEYS, ATOMIC_WEBHOOK_SECRETS } = readEnvFile();
          const file = {
            ...(API_KEYS && { API_KEYS }),
            ...(ATOMIC_WEBHOOK_SECRETS && { ATOMIC_WEBHOOK_SECRETS }),
          };
          const secrets = callersSchema.read({ ...readEnvironment(), ...file });
          api.use(secrets);
          logger.info(
            { apiKeys: secrets.apiKeys.length, atomicWebhookSecrets: secrets.atomicWebhookSecrets.length },
            'API_KEYS and ATOMIC_WEBHOOK_SECRETS were read again',
          );
        } catch (error) {
          logger.error({ err: error }, 'the settings were not read again; the previous ones still apply');
        }
      },
    };
  },
});
