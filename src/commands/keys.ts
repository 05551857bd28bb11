/** `npm run keys -- new` makes a key; `npm run keys -- status` tells which keys open links still need. */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import pino from 'pino';
import { makeKey } from '../encryption/development-key';
import type { KeyRing } from '../encryption/key-ring';
import { type Execution, type KeyUsage, keyUsage, listExecutions } from '../encryption/key-usage';
import { runEntry } from '../process/run-entry';
import { StartError } from '../process/start-error';
import { keyRingOf } from '../process/wiring';
import { readCommandSettings } from '../settings/read-settings';
import { connectTemporal } from '../temporal/connection';

const USAGE = `Usage:
  npm run keys -- new [id]            make a key for ENCRYPTION_KEYS
  npm run keys -- status [--closed]   which keys the open links still need; with --closed, which the closed ones need
                                      to be read
`;
const SHOWN_WORKFLOWS = 5;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** To tell keys by their age. */
function newId(): string {
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '');
  return `k${day}-${randomBytes(2).toString('hex')}`;
}

function printNewKey(id: string = newId()): void {
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(id)) {
    process.stderr.write('A key id is 1 to 32 of A-Z a-z 0-9 _ -\n');
    process.exitCode = 1;
    return;
  }
  say(makeKey(id));
  process.stderr.write(
    'Keep it secret. First add it behind the others in ENCRYPTION_KEYS of every process; once all have it, make it the first.\n',
  );
}

async function printStatus(closed: boolean): Promise<void> {
  await runEntry({
    name: 'keys',
    readSettings: readCommandSettings,
    logLevel: 'error',
    logTo: pino.destination(2),
    async start({ settings: { temporal }, logger }) {
      const { connectConfig, namespace } = temporal;
      const keyRing = await keyRingOf(temporal, logger);
      const connection = await connectTemporal({ connectConfig });
      await connection.ensureConnected().catch((error: unknown) => {
        throw new StartError('Temporal could not be reached. Check TEMPORAL_ADDRESS.', { cause: error });
      });
      const work = async () => {
        const executions = await listExecutions(connection, namespace, { open: !closed });
        const usage = await keyUsage(connection, namespace, keyRing, executions);
        report({ namespace, closed, keyRing, executions, usage });
      };
      return { ended: work(), close: () => connection.close() };
    },
  });
}

function report(found: {
  namespace: string;
  closed: boolean;
  keyRing: KeyRing;
  executions: readonly Execution[];
  usage: KeyUsage;
}): void {
  const { namespace, closed, keyRing, executions, usage } = found;
  const what = closed ? 'closed' : 'open';
  say(`Namespace ${namespace}: ${executions.length} ${what} workflows were looked at.\n`);
  const ids = [...new Set([...keyRing.ids, ...usage.keys()])];
  const width = Math.max(3, ...ids.map((id) => id.length));
  say(`  ${'key'.padEnd(width)}  ${'in ENCRYPTION_KEYS'.padEnd(20)}  needed by`);
  for (const id of ids) {
    const users = usage.get(id) ?? [];
    const shown = users.slice(0, SHOWN_WORKFLOWS).join(', ');
    const tail = users.length > SHOWN_WORKFLOWS ? ', …' : '';
    say(
      `  ${id.padEnd(width)}  ${placeOf(id, keyRing).padEnd(20)}  ${users.length}${shown && `  (${shown}${tail})`}`,
    );
  }
  say('');
  for (const id of keyRing.ids.slice(1)) {
    if (usage.has(id))
      say(`${id} has to stay: an ${what} link moves to the first key when it continues as new.`);
    else if (!closed) say(`${id} is needed by no open link. Before it goes, see status --closed.`);
    else say(`${id} is needed by no closed link that can still be read.`);
  }
  const missing = [...usage.keys()].filter((id) => !keyRing.ids.includes(id));
  if (missing.length > 0) {
    throw new StartError(
      `Add ${missing.join(', ')} to ENCRYPTION_KEYS again: the links above stand still without.`,
    );
  }
}

function placeOf(id: string, keyRing: KeyRing): string {
  if (id === keyRing.primaryId) return 'first: encrypts';
  return keyRing.ids.includes(id) ? 'yes: decrypts' : 'MISSING';
}

type Command = { name: 'new'; id: string | undefined } | { name: 'status'; closed: boolean };

function readCommand(): Command | undefined {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { closed: { type: 'boolean', default: false } },
    });
    const [name, id, ...rest] = positionals;
    if (name === 'new' && rest.length === 0) return { name, id };
    return name === 'status' && id === undefined ? { name, closed: values.closed } : undefined;
  } catch {
    return undefined;
  }
}

const command = readCommand();
if (command?.name === 'new') {
  printNewKey(command.id);
} else if (command?.name === 'status') {
  void printStatus(command.closed);
} else {
  process.stderr.write(USAGE);
  process.exitCode = 1;
}
