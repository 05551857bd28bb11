/** `npm run keys`: makes keys, lists them, says how to change them over, and which ones links still need. */
import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { makeKey } from '../encryption/development-key';
import type { KeyRing } from '../encryption/key-ring';
import { keyUsage, listExecutions } from '../encryption/key-usage';
import { parseSealingKeys } from '../encryption/sealing-keys';
import { runEntry } from '../process/run-entry';
import { StartError } from '../process/start-error';
import { keyRingOf } from '../process/wiring';
import type { SettingsOf } from '../settings/schema';
import { keysSchema } from '../settings/schemas';
import { connectTemporal } from '../temporal/connection';
import { orSayWhatIsWrong, readCommandLine } from './command-line';
import { type KeyList, keyTable, missingKeys } from './keys/key-table';
import { encryptionRotation, sealingRotation } from './keys/rotation-steps';

const USAGE = `Usage:
  npm run keys -- new [id]             make a key for ENCRYPTION_KEYS
  npm run keys -- new --sealing [id]   make a key pair for SEALING_KEYS and SEALING_PUBLIC_KEYS
  npm run keys -- list                 the keys of these settings, by their ids
  npm run keys -- rotate [--sealing]   make a new key, and say how it takes over
  npm run keys -- status [--closed]    which keys the open links still need; with --closed, which the closed ones need
                                       to be read
`;

type Command =
  | { name: 'new'; id: string; sealing: boolean }
  | { name: 'rotate'; sealing: boolean }
  | { name: 'list' }
  | { name: 'status'; closed: boolean };

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** To tell keys by their age. */
function newId(): string {
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '');
  return `k${day}-${randomBytes(2).toString('hex')}`;
}

async function makeSealingKey(id: string): Promise<{ key: string; publicKey: string }> {
  const key = makeKey(id);
  return { key, publicKey: await parseSealingKeys(key).publicText() };
}

async function printNewKey({ id, sealing }: { id: string; sealing: boolean }): Promise<void> {
  if (sealing) {
    const { key, publicKey } = await makeSealingKey(id);
    say(`SEALING_KEYS=${key}\nSEALING_PUBLIC_KEYS=${publicKey}`);
    process.stderr.write(
      'The first is for workers alone. The second is no secret, and for API and backends.\n',
    );
    return;
  }
  say(makeKey(id));
  process.stderr.write(
    'Keep it secret. First add it behind the others in ENCRYPTION_KEYS of every process; once all have it, make it the first.\n',
  );
}

type Keys = { keyRing: KeyRing; encryption: KeyList; sealing: KeyList };
type Work = (settings: SettingsOf<typeof keysSchema>, keys: Keys) => Promise<void>;

/** Runs with the settings, and the keys that they name. */
async function withSettings(work: Work): Promise<void> {
  await runEntry({
    name: 'keys',
    readSettings: keysSchema.read,
    logLevel: 'error',
    logTo: pino.destination(2),
    async start({ settings, logger }) {
      const keyRing = await keyRingOf(settings.temporal, logger);
      const keys: Keys = {
        keyRing,
        encryption: { setting: 'ENCRYPTION_KEYS', ids: keyRing.ids },
        sealing: { setting: 'SEALING_KEYS', ids: settings.sealingKeys?.ids },
      };
      return { ended: work(settings, keys), close: async () => {} };
    },
  });
}

const printList: Work = async ({ sealingKeys, sealingPublicKey }, { encryption, sealing }) => {
  say(keyTable(encryption));
  if (sealingKeys) say(keyTable(sealing));
  if (sealingPublicKey) say(`  Tokens are sealed to ${sealingPublicKey.id} of SEALING_PUBLIC_KEYS.`);
  else if (!sealingKeys) say('  Sealing keys are derived from ENCRYPTION_KEYS.');
};

function printRotation(sealingWanted: boolean): Work {
  return async (_settings, { encryption, sealing }) => {
    const id = newId();
    if (sealingWanted) say(sealingRotation(sealing.ids ?? [], await makeSealingKey(id)));
    else say(encryptionRotation(encryption.ids ?? [], makeKey(id)));
  };
}

function printStatus(closed: boolean): Work {
  return async ({ temporal }, { keyRing, encryption, sealing }) => {
    const { connectConfig, namespace } = temporal;
    const connection = await connectTemporal({ connectConfig });
    try {
      await connection.ensureConnected().catch((error: unknown) => {
        throw new StartError('Temporal could not be reached. Check TEMPORAL_ADDRESS.', { cause: error });
      });
      const executions = await listExecutions(connection, namespace, { open: !closed });
      const usage = await keyUsage(connection, namespace, keyRing, executions);
      const what = closed ? 'closed' : 'open';
      say(`Namespace ${namespace}: ${executions.length} ${what} workflows were looked at.\n`);
      report({ ...encryption, usage: usage.encryption }, closed);
      if (sealing.ids || usage.sealing.size > 0) report({ ...sealing, usage: usage.sealing }, closed);
    } finally {
      await connection.close();
    }
  };
}

function report(list: KeyList, closed: boolean): void {
  say(keyTable(list));
  for (const id of list.ids?.slice(1) ?? []) {
    if (list.usage?.has(id)) {
      say(
        `${id} has to stay: ${closed ? 'a closed' : 'an open'} link moves to the first key when it continues as new.`,
      );
    } else if (closed) say(`${id} is needed by no closed link that can still be read.`);
    else say(`${id} is needed by no open link. Before it goes, see status --closed.`);
  }
  const missing = missingKeys(list);
  if (missing.length > 0) {
    throw new StartError(
      `Add ${missing.join(', ')} to ${list.setting} again: the links above stand still without.`,
    );
  }
}

function readCommand(): Command | undefined {
  const { positionals, values } = readCommandLine({
    allowPositionals: true,
    options: {
      closed: { type: 'boolean', default: false },
      sealing: { type: 'boolean', default: false },
    },
  });
  const { closed, sealing } = values;
  const [name, id, ...rest] = positionals;
  if (rest.length > 0 || (id !== undefined && name !== 'new')) return undefined;
  switch (name) {
    case 'new':
      return { name, id: id ?? newId(), sealing };
    case 'rotate':
      return { name, sealing };
    case 'list':
      return { name };
    case 'status':
      return { name, closed };
    default:
      return undefined;
  }
}

async function run(command: Command): Promise<void> {
  switch (command.name) {
    case 'new':
      if (/^[A-Za-z0-9_-]{1,32}$/.test(command.id)) return printNewKey(command);
      process.stderr.write('A key id is 1 to 32 of A-Z a-z 0-9 _ -\n');
      process.exitCode = 1;
      return;
    case 'rotate':
      return withSettings(printRotation(command.sealing));
    case 'list':
      return withSettings(printList);
    case 'status':
      return withSettings(printStatus(command.closed));
  }
}

const command = orSayWhatIsWrong('keys', USAGE, readCommand);
if (command) {
  void run(command);
} else {
  process.stderr.write(USAGE);
  process.exitCode = 1;
}
