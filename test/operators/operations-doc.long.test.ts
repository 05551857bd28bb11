import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Service, startService } from '../support/service';
import { ROOT } from '../support/source-files';
import { realServer, serviceBuild } from '../support/temporal';

jest.setTimeout(300_000);

/** Lines of the shell blocks of a document, without their comments. */
function commandsOf(file: string): string[] {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)]
    .flatMap(([, block = '']) => block.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '');
}

const COMMANDS = commandsOf('docs/operations.md');
const isOfDeployment = (line: string) => line.includes('worker deployment');
const CODEC_TOKEN = 'a-token-of-the-codec-server';

let service: Service;
let bin: string;

beforeAll(async () => {
  service = await startService({
    processes: ['api', 'worker', 'codec'],
    env: {
      CODEC_TOKEN,
      TEMPORAL_DEPLOYMENT_NAME: 'processor-link',
      TEMPORAL_WORKER_BUILD_ID: '2026-01-15.1',
    },
    plaid: { userOfWebhookUrl: (url) => /\/webhooks\/plaid\/([^/]+)$/.exec(url)?.[1] },
  });
  bin = path.join(service.folder, 'bin');
  await mkdir(bin);
  const { cliPath } = await realServer();
  // What `npm run` does in the repository, the image does with built code.
  const commands = path.join(await serviceBuild(), 'src/commands');
  await script('temporal', `exec '${cliPath}' "$@"`);
  await script(
    'npm',
    `name=$2; shift 2; [ "\${1:-}" = -- ] && shift; exec '${process.execPath}' '${commands}'/"$name".js "$@"`,
  );
});
afterAll(() => service?.close());

async function script(name: string, line: string): Promise<void> {
  const file = path.join(bin, name);
  await writeFile(file, `#!/usr/bin/env bash\n${line}\n`);
  await chmod(file, 0o755);
}

function run(line: string): Promise<{ code: number; output: string }> {
  const env = { ...service.env, CODEC_TOKEN, HOME: process.env.HOME, PATH: `${bin}:${process.env.PATH}` };
  return new Promise((resolve) => {
    execFile('bash', ['-c', line], { cwd: service.folder, env }, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : error ? 1 : 0;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}

/** A user as the command is for: linked, or in the trouble that it mends. */
async function userFor(line: string): Promise<string> {
  const isOfStep = line.includes('<activityId>');
  const fault =
    isOfStep &&
    service.plaid.faults.add({
      operation: '/processor/token/create',
      times: 'always',
      kind: { plaidError: 'PLANNED_MAINTENANCE' },
    });
  const { userId } = await service.link();
  if (fault) {
    await service.call.linkWhen(userId, ({ error }) => error !== undefined);
    while (
      !(await run(`temporal workflow describe --workflow-id processor-link/${userId}`)).output.includes(
        'ActivityId',
      )
    )
      await sleep(250);
    fault.remove();
    return userId;
  }
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  if (line.includes('forget'))
    await run(`temporal workflow terminate --workflow-id processor-link/${userId}`);
  return userId;
}

async function succeeds(line: string): Promise<void> {
  const userId = line.includes('<userId>') ? await userFor(line) : '';
  const described =
    line.includes('<activityId>') &&
    (await run(`temporal workflow describe --workflow-id processor-link/${userId}`)).output;
  const activityId = described ? (/ActivityId\s+(\S+)/.exec(described)?.[1] ?? '') : '';
  const command = line
    .replaceAll('<userId>', userId)
    .replaceAll('<activityId>', activityId)
    .replaceAll('http://127.0.0.1:3002', service.codec.url);
  expect(command).not.toMatch(/<[A-Za-z]+>/);
  const { code, output } = await run(command);
  expect({ command, code, output: code === 0 ? '' : output }).toEqual({ command, code: 0, output: '' });
  // A payload that a reader cannot make out would show as what it is in Temporal.
  if (command.includes('--codec-endpoint')) expect(output).not.toContain('binary/encrypted');
}

it('names commands', () => {
  expect(COMMANDS.length).toBeGreaterThan(15);
});

it.each(COMMANDS.filter(isOfDeployment))('%s', succeeds);

it.each(COMMANDS.filter((line) => !isOfDeployment(line)))('%s', succeeds);
