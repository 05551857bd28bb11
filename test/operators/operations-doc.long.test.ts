import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { useService } from '../support/service';
import { ROOT } from '../support/source-files';
import { serviceBuild, temporalCli } from '../support/temporal';
import { importFileOf, lineOf } from './support/import-file';

jest.setTimeout(180_000);

const TEXT = readFileSync(path.join(ROOT, 'docs/operations.md'), 'utf8');
/** What a command in a sentence or a table begins with. */
const PROGRAM =
  /^(?:npm|npx|node|links|keys|doctor|temporal|docker|jq|curl|kubectl|helm|promtool|psql|openssl) /;
/** These run until they are stopped, and every test of the processes starts them; the build is made once for all tests. */
const STARTED_ELSEWHERE = [
  'npm run api',
  'npm run worker',
  'npm run codec',
  'npm run build',
  'npm start',
  'node dist/src/commands/api.js',
  'docker compose up',
  'docker compose --profile monitoring up',
  'npm run test:cluster',
];
const CODEC_TOKEN = 'a-token-of-the-codec-server';
const BUILDS = { current: '2026-01-15.1', next: '2026-01-22.1' };

/** Lines of the shell blocks without their comments, and the commands of sentences and tables. */
function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)]
    .flatMap(([, block = '']) => block.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '');
  const prose = text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/\s+/g, ' ');
  const inProse = [...prose.matchAll(/`([^`]+)`/g)]
    .map(([, span = '']) => span)
    .filter((span) => PROGRAM.test(span));
  return [...new Set([...blocks, ...inProse])].filter((command) => !STARTED_ELSEWHERE.includes(command));
}

/** Workers take nothing before they are promoted. */
const isOfDeployment = (command: string) => command.includes('worker deployment');
const COMMANDS = commandsOf(TEXT);

const service = useService({
  processes: ['api', 'worker', 'codec'],
  env: {
    CODEC_TOKEN,
    TEMPORAL_DEPLOYMENT_NAME: 'processor-link',
    TEMPORAL_WORKER_BUILD_ID: BUILDS.current,
  },
});
let bin: string;

beforeAll(async () => {
  const next = await service.another('worker');
  await next.start({ TEMPORAL_WORKER_BUILD_ID: BUILDS.next });
  bin = path.join(service.folder, 'bin');
  await mkdir(bin);
  const build = await serviceBuild();
  await symlink(build, path.join(service.folder, 'dist'), 'dir');
  await script('temporal', `exec '${await temporalCli()}' "$@"`);
  await script('node', `exec '${process.execPath}' "$@"`);
  // As in the image, where there is built code alone.
  await script(
    'npm',
    'name=$2; shift 2; [ "$1" = -- ] && shift; exec node dist/src/commands/"$name".js "$@"',
  );
  await importFileOf(service, 'users.jsonl', [lineOf(service)]);
});

async function script(name: string, line: string): Promise<void> {
  const file = path.join(bin, name);
  await writeFile(file, `#!/usr/bin/env bash\n${line}\n`);
  await chmod(file, 0o755);
}

/** As in a script: with nobody to answer a question, and `input` to read. */
function run(line: string, input = ''): Promise<{ code: number; output: string }> {
  const env = { ...service.env, CODEC_TOKEN, HOME: process.env.HOME, PATH: `${bin}:${process.env.PATH}` };
  return new Promise((resolve) => {
    const child = execFile('bash', ['-c', line], { cwd: service.folder, env }, (error, stdout, stderr) => {
      const failed = typeof error?.code === 'number' ? error.code : 1;
      resolve({ code: error ? failed : 0, output: `${stdout}${stderr}` });
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

/** A user as the command is for: linked, or in the trouble that it mends. */
async function subjectOf(command: string): Promise<string> {
  const { userId } = await service.link();
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  if (command.includes('forget')) {
    expect(await run(`temporal workflow terminate --workflow-id processor-link/${userId}`)).toMatchObject({
      code: 0,
    });
  }
  if (command.startsWith('jq ')) {
    await service.call.unlink(userId, 30);
    while (!service.api.logLines.some(({ action, user }) => action === 'unlink' && user === userId))
      await sleep(50);
  }
  return userId;
}

/** As it is typed: a table and a sentence leave out what each of the commands needs. */
function inFull(command: string): string {
  const typed = /^(?:links|keys|doctor) /.test(command) ? `npm run ${command}` : command;
  if (!typed.startsWith('npm run links -- ') || /-- (?:stuck|import)|--query/.test(typed)) return typed;
  const ofUser = typed.includes('<userId>') ? typed : `${typed} <userId>`;
  return /-- why|--yes/.test(ofUser) ? ofUser : `${ofUser} --yes`;
}

async function succeeds(written: string): Promise<void> {
  let command = inFull(written).replaceAll('http://127.0.0.1:3002', service.codec.url);
  if (command.includes('<userId>')) command = command.replaceAll('<userId>', await subjectOf(command));
  expect(command).not.toMatch(/<\w+>|…/);
  const { code, output } = await run(command, service.api.output);
  expect({ command, code, output: code === 0 ? '' : output }).toEqual({ command, code: 0, output: '' });
  // A payload that a reader cannot make out would show as what it is in Temporal.
  if (command.includes('--codec-endpoint')) expect(output).not.toContain('binary/encrypted');
  if (command.startsWith('jq ')) expect(output).toContain('"action":"unlink"');
}

it('finds commands in blocks, sentences and tables, and has every program that it starts elsewhere', async () => {
  const text =
    '```sh\nls -l  # all\n```\nSay `npm run\nlinks -- stuck`.\n| `links -- why <userId>` | `LinkState` |\n';
  expect(commandsOf(text)).toEqual(['ls -l', 'npm run links -- stuck', 'links -- why <userId>']);
  expect(COMMANDS.length).toBeGreaterThan(40);
  for (const file of ['api', 'worker', 'codec'])
    expect(existsSync(path.join(await serviceBuild(), `src/commands/${file}.js`))).toBe(true);
});

it.each(COMMANDS.filter(isOfDeployment))('%s', succeeds);

it.each(COMMANDS.filter((command) => !isOfDeployment(command)))('%s', succeeds);
