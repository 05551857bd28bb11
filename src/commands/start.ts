/** `npm start`: everything that development needs, kept running, with the Temporal UI. Links outlive a restart. */
import path from 'node:path';
import { holdDataFolder } from '../local/data-folder-lock';
import { DEMO_URL } from '../local/demo-page';
import { type LocalStack, startLocalStack } from '../local/stack';
import { SAVED_QUERIES, savedQueryUrl } from '../operator/links/saved-queries';
import { type Entry, runEntry } from '../process/run-entry';
import { type LocalSettings, localSchema } from '../settings/schemas';
import { DATA_FOLDER, ensureDataFolder } from '../system/data-folder';
import { proveKeys } from './start/prove-keys';
import { terminalLog } from './start/terminal-log';

const JOB_DELAY_MS = 3_000;
/** Temporal's usual ports. */
const TEMPORAL_PORT = 7233;
const UI_PORT = 8233;

const logTo = terminalLog(process.stdout);

const entry: Entry<LocalSettings> = {
  name: 'start',
  ...(logTo && { logTo }),
  readSettings: localSchema.read,
  async start(context) {
    const { settings } = context;
    await proveKeys(settings);
    await ensureDataFolder(DATA_FOLDER);
    const held = await holdDataFolder(DATA_FOLDER);
    const stack = await startLocalStack({
      ...context,
      env: process.env,
      taskQueue: settings.temporal.taskQueue,
      ports: {
        api: settings.http.port,
        codec: settings.codec.port,
        temporal: TEMPORAL_PORT,
        ui: UI_PORT,
      },
      dbFile: path.join(DATA_FOLDER, 'temporal.db'),
      simulatorStateFile: path.join(DATA_FOLDER, 'simulators.json'),
      jobDelayMs: JOB_DELAY_MS,
      demoPage: true,
      say,
    }).catch(async (error: unknown) => {
      await held.release();
      throw error;
    });
    await held.announce(stack.apiUrl);
    say(welcome(stack));
    return {
      ...stack,
      async close() {
        await stack.close();
        await held.release();
      },
    };
  },
};

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function welcome(stack: LocalStack): string {
  const { plaidSimulator, atomicSimulator } = stack.providers;
  const lines = [
    '',
    'processor-link is running. Ctrl-C ends it; links are kept in .processor-link.',
    '',
    `  link a user  ${stack.apiUrl}${DEMO_URL}`,
    `  API          ${stack.apiUrl}`,
    `  its docs     ${stack.apiUrl}/docs`,
    `  Temporal UI  ${stack.uiUrl ?? 'that of your server'}`,
    `  Temporal     ${stack.temporalAddress}, namespace ${stack.namespace}`,
    `  codec        ${stack.codecUrl}`,
    `  Plaid        ${plaidSimulator ? `simulated, ${plaidSimulator.url}` : 'real'}`,
    `  Atomic       ${atomicSimulator ? `simulated, ${atomicSimulator.url}` : 'real'}`,
    '',
  ];
  return [...lines, ...savedQueries(stack), ...session(stack)].join('\n');
}

/** Links into the Temporal UI. */
function savedQueries({ uiUrl, namespace }: LocalStack): string[] {
  if (uiUrl === undefined) return [];
  const workflowsUrl = `${uiUrl}/namespaces/${namespace}/workflows`;
  const lists = SAVED_QUERIES.flatMap(({ name, query }) => [
    `  ${name}:`,
    `    ${savedQueryUrl(workflowsUrl, query)}`,
  ]);
  return ['In the Temporal UI:', '', ...lists, ''];
}

/** Commands to paste into a shell. */
function session({ apiUrl, shownApiKey, providers }: LocalStack): string[] {
  const part = (name: string, path: string) =>
    `  ${name}=$(node -p 'JSON.parse(process.argv[1]).${path}' "$DONE")`;
  const tokens = providers.plaidSimulator
    ? [
        `  DONE=$(curl -s $API${DEMO_URL}/simulated-link -H "$JSON" \\`,
        `    -d '{"userId":"alice","bank":"First Platypus Bank"}')`,
        part('TOKEN', 'publicToken'),
        part('ACCOUNT', 'metadata.accounts[0].id'),
      ]
    : [
        "  TOKEN='<the public token of Plaid Link, or of npm run sandbox-token>'",
        "  ACCOUNT='<the id of the account that was chosen in Link>'",
      ];
  return [
    'Try it:',
    '',
    `  API=${apiUrl}`,
    `  AUTH='Authorization: Bearer ${shownApiKey ?? '<one of API_KEYS>'}'`,
    "  JSON='Content-Type: application/json'",
    ...tokens,
    '  curl -s $API/v1/links -H "$AUTH" -H "$JSON" -d \'{',
    '    "userId": "alice", "publicToken": "\'$TOKEN\'", "accountId": "\'$ACCOUNT\'",',
    '    "jobs": ["employer-classification", "recurrence-detection"]',
    "  }'",
    '  curl -s "$API/v1/links/alice/jobs/employer-classification?waitSeconds=30" \\',
    '    -H "$AUTH"',
    '  curl -s "$API/v1/links/alice" -H "$AUTH"',
    '  curl -s -X DELETE "$API/v1/links/alice?waitSeconds=30" -H "$AUTH"',
    '',
  ];
}

void runEntry(entry);
