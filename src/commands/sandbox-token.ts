/** `npm run sandbox-token [user]`: a public token from Plaid's real Sandbox, as Link would give it. */
import pino from 'pino';
import { runEntry } from '../process/run-entry';
import { StartError } from '../process/start-error';
import { plaidOf } from '../process/wiring';
import { ProviderError } from '../providers/provider-error';
import { localSchema } from '../settings/schemas';

void runEntry({
  name: 'sandbox-token',
  readSettings: localSchema.read,
  logLevel: 'error',
  logTo: pino.destination(2),
  async start({ settings: { plaid, http } }) {
    if (!plaid) {
      throw new StartError(
        'Set PLAID_CLIENT_ID and PLAID_SECRET to your Sandbox keys (dashboard.plaid.com).',
      );
    }
    const userId = process.argv[2];
    const webhookUrl = userId && http.publicUrl && `${http.publicUrl}/webhooks/plaid/${userId}`;
    const ended = plaidOf(plaid)
      .createSandboxPublicToken(webhookUrl ? { webhookUrl } : {})
      .then(
        ({ publicToken }) => {
          process.stdout.write(`${publicToken}\n`);
        },
        (error: unknown) => {
          if (!(error instanceof ProviderError)) throw error;
          throw new StartError(`Plaid gave no token: ${error.message}`);
        },
      );
    return { ended, close: async () => undefined };
  },
});
