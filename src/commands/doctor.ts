/** `npm run doctor`: proves every prerequisite live, and says how to fix what is missing. Exit code 0 when all is well, else 1. */
import pino from 'pino';
import type { Check } from '../operator/doctor/check';
import { examine, SETTINGS_CHECK } from '../operator/doctor/doctor';
import { readEnvironment } from '../process/environment';
import { urlOf } from '../process/listen';
import { runEntry } from '../process/run-entry';
import { atomicOf, plaidOf } from '../process/wiring';
import { doctorSchema } from '../settings/schemas';
import { SettingsError } from '../settings/settings-error';
import { orSayWhatIsWrong, readCommandLine } from './command-line';
import { openTemporal } from './links/open-temporal';
import { printJson, say, wrapped } from './links/output';

const { values } = orSayWhatIsWrong('doctor', 'Usage: npm run doctor [-- --json]\n', () =>
  readCommandLine({ options: { json: { type: 'boolean', default: false } } }),
);

function report(checks: readonly Check[]): void {
  if (values.json) printJson({ checks });
  else checks.forEach(print);
  process.exitCode = checks.every(({ ok }) => ok) ? 0 : 1;
}

function print({ name, ok, message, fix }: Check): void {
  say(`${ok ? 'ok   ' : 'WRONG'}  ${name}`);
  for (const line of wrapped(message, '       ')) say(line);
  if (fix !== undefined) for (const line of wrapped(`Fix: ${fix}`, '       ')) say(line);
}

async function run(): Promise<void> {
  try {
    doctorSchema.read(readEnvironment());
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    report([
      { name: 'settings', ok: false, message: error.message, fix: 'Set them right; see .env.example' },
    ]);
    return;
  }
  await runEntry({
    name: 'doctor',
    readSettings: doctorSchema.read,
    logLevel: 'error',
    logTo: pino.destination(2),
    async start({ settings, logger }) {
      const { connectConfig } = settings.temporal;
      const { connection, client, namespace, taskQueue, keyRing, read } = await openTemporal(
        settings.temporal,
        logger,
      );
      const { host, port, publicUrl } = settings.http;
      const look = async () =>
        report([
          SETTINGS_CHECK,
          ...(await examine({
            place: {
              connection,
              address: connectConfig.connectionOptions.address ?? 'localhost:7233',
              namespace,
              taskQueue,
              deployment: settings.deployment,
            },
            client: client.workflow,
            read,
            keysDigest: keyRing.digest,
            resultOverdueAfterMs: settings.resultOverdueAfterMs,
            plaid: settings.plaid && { calls: plaidOf(settings.plaid), baseUrl: settings.plaid.baseUrl },
            atomic: settings.atomic && atomicOf(settings.atomic),
            publicUrl: publicUrl ?? urlOf(host, port),
            webhookSecret: settings.atomicWebhookSecrets[0]?.reveal(),
          })),
        ]);
      return { ended: look(), close: () => connection.close() };
    },
  });
}

void run();
