/** `npm run doctor`: proves every prerequisite live, and says how to fix what is missing. Exit code 0 when all is well, else 1. */
import { parseArgs } from 'node:util';
import { Client } from '@temporalio/client';
import pino from 'pino';
import { createClientDataConverter } from '../encryption/client-data-converter';
import type { Check } from '../operator/doctor/check';
import { examine, SETTINGS_CHECK } from '../operator/doctor/doctor';
import { createPayloadReader } from '../operator/links/payload-reader';
import { urlOf } from '../process/listen';
import { readEnvironment, runEntry } from '../process/run-entry';
import { atomicOf, keyRingOf, plaidOf } from '../process/wiring';
import { readDoctorSettings, SettingsError } from '../settings/read-settings';
import type { DoctorSettings } from '../settings/types';
import { connectTemporal } from '../temporal/connection';
import { printJson, say, wrapped } from './links/output';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });

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
    readDoctorSettings(readEnvironment());
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    report([
      { name: 'settings', ok: false, message: error.message, fix: 'Set them right; see .env.example' },
    ]);
    return;
  }
  await runEntry<DoctorSettings>({
    name: 'doctor',
    readSettings: readDoctorSettings,
    logLevel: 'error',
    logTo: pino.destination(2),
    async start({ settings, logger }) {
      const { connectConfig, namespace, taskQueue } = settings.temporal;
      const keyRing = await keyRingOf(settings.temporal, logger);
      const connection = await connectTemporal({ connectConfig });
      const client = new Client({
        connection,
        namespace,
        dataConverter: createClientDataConverter({ keyRing, namespace }),
      });
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
            read: createPayloadReader(keyRing, namespace),
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
