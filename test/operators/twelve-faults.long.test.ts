import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { type Service, startService } from '../support/service';
import { type Environment, ServiceProcess } from '../support/service-process';
import { SeverableProxy } from '../support/severable-proxy';
import { serviceBuild } from '../support/temporal';
import { type CommandAnswer, runCommand } from './support/run-command';

jest.setTimeout(300_000);

const EMPLOYER = 'employer-classification';
/** Of a command: what it says is of use while somebody waits at a terminal. */
const WITHIN_SECONDS = 5;

const stuckSchema = z.object({
  links: z.array(
    z.object({
      userId: z.string(),
      code: z.string(),
      cause: z.string(),
      move: z.string(),
      command: z.string(),
    }),
  ),
});
type Row = z.output<typeof stuckSchema>['links'][number];
const reportSchema = z.object({
  checks: z.array(
    z.object({ name: z.string(), ok: z.boolean(), message: z.string(), fix: z.string().optional() }),
  ),
});

let build: string;
let service: Service;

beforeEach(async () => {
  build = await serviceBuild();
  service = await startService();
});
afterEach(() => service?.close());

async function inTime(answering: Promise<CommandAnswer>): Promise<CommandAnswer> {
  const answer = await answering;
  expect(answer.seconds).toBeLessThan(WITHIN_SECONDS);
  return answer;
}

const run = (name: 'links' | 'doctor', args: readonly string[], env: Environment = {}) =>
  runCommand({ build, folder: service.folder, env: { ...service.env, ...env } }, name, args);

/** What `doctor` finds wrong, by name. */
async function doctor(env: Environment = {}): Promise<Record<string, string>> {
  const { checks } = reportSchema.parse((await inTime(run('doctor', ['--json'], env))).json());
  return Object.fromEntries(checks.filter(({ ok }) => !ok).map(({ name, message }) => [name, message]));
}

/** The row of a user, once `stuck` names it with the code. Each answer comes in time. */
async function stuck(userId: string, code: string, env: Environment = {}): Promise<Row> {
  const endMs = Date.now() + 60_000;
  for (;;) {
    const answer = await inTime(run('links', ['stuck', '--json'], env));
    const row = stuckSchema.parse(answer.json()).links.find((link) => link.userId === userId);
    if (row?.code === code) return row;
    if (Date.now() > endMs) throw new Error(`${userId} is not stuck by ${code}: ${answer.stdout}`);
  }
}

/** Does what the row says. */
async function repair({ command }: Row): Promise<void> {
  const answer = await run('links', command.replace(/^npm run links -- /, '').split(' '));
  expect([answer.code, answer.stderr]).toEqual([0, '']);
}

const linked = (userId: string) => service.call.linkWhen(userId, ({ state }) => state === 'linked');

it('a webhook that is lost: Atomic is asked by one command', async () => {
  await service.close();
  service = await startService({
    atomic: { webhookMode: 'none', settings: { jobDelayMs: 'manual' } },
    env: { RESULT_OVERDUE_AFTER: '2s' },
  });
  const { userId } = await service.link({ jobs: [EMPLOYER] });
  const row = await stuck(userId, 'result_overdue');
  expect(row).toMatchObject({ move: 'atomic' });
  await service.atomic.completeJob(userId, EMPLOYER);
  await repair(row);
  await linked(userId);
});

it('Atomic answers 500: named, and tried again at once', async () => {
  const fault = service.atomic.faults.add({ times: 'always', kind: { status: 500 } });
  const { userId } = await service.link();
  const row = await stuck(userId, 'provider_unavailable');
  expect(await doctor()).toMatchObject({ 'atomic-keys': expect.stringContaining('HTTP_500') });
  fault.remove();
  await repair(row);
  await linked(userId);
});

it("Plaid's rate limit: named, and tried again at once", async () => {
  const fault = service.plaid.faults.add({
    operation: '/accounts/get',
    times: 'always',
    kind: { plaidError: 'ACCOUNTS_LIMIT' },
  });
  const { userId } = await service.link();
  const row = await stuck(userId, 'provider_unavailable');
  expect(row.move).toBe('plaid');
  fault.remove();
  await repair(row);
  await linked(userId);
});

it('a sign-in that has expired: nothing for an operator to do, and the story says so', async () => {
  const { userId, itemId } = await service.link();
  await linked(userId);
  await service.plaid.requireLogin(itemId);
  await service.call.linkWhen(userId, ({ state }) => state === 'needs_attention');
  const { links } = stuckSchema.parse((await inTime(run('links', ['stuck', '--json']))).json());
  expect(links.filter((link) => link.userId === userId)).toEqual([]);
  expect((await inTime(run('links', ['why', userId]))).stdout).toMatch(
    /waits for its user: sign_in_required/,
  );
  await service.plaid.repair(itemId);
  await linked(userId);
});

it('a removal that Atomic refuses: named as an operator’s move, and tried again at once', async () => {
  const { userId } = await service.link();
  await linked(userId);
  const fault = service.atomic.faults.add({
    operation: 'DELETE /plaid/processor-link',
    times: 'always',
    kind: { status: 422, body: { code: 42201, message: 'no' } },
  });
  await service.call.unlink(userId);
  const row = await stuck(userId, 'provider_rejected');
  expect(row).toMatchObject({ move: 'operator', cause: expect.stringContaining('removeProcessorLink') });
  fault.remove();
  await repair(row);
  await service.call.linkWhen(userId, ({ state }) => state === 'unlinked');
  expect(service.leftovers(userId)).toEqual([]);
});

it('a key that is missing: its id is named, and the workers go on with it', async () => {
  const { userId } = await service.link();
  await linked(userId);
  const other = { ENCRYPTION_KEYS: `k2:${Buffer.alloc(32, 7).toString('base64')}` };
  await service.worker.kill('SIGTERM');
  await service.worker.start(other);
  await service.call.unlink(userId, 0, { deadlineMs: 10_000 });
  const row = await stuck(userId, 'key_missing', other);
  expect(row.cause).toContain('k1');
  expect(row.command).toContain('ENCRYPTION_KEYS');
  expect(await doctor()).toHaveProperty('keys');
  await service.worker.kill('SIGTERM');
  await service.worker.start({ ENCRYPTION_KEYS: `${service.env.ENCRYPTION_KEYS},${other.ENCRYPTION_KEYS}` });
  await service.call.linkWhen(userId, ({ state }) => state === 'unlinked');
});

it.each([
  ['Atomic', { ATOMIC_API_KEY: 'wrong-key' }, 'atomic-keys'],
  ['Plaid', { PLAID_SECRET: 'wrong-secret' }, 'plaid-keys'],
])(
  'a wrong key of %s: named by both commands, and tried again at once with the right one',
  async (_, env, name) => {
    const worker = service.worker;
    await worker.kill('SIGTERM');
    await worker.start(env);
    const { userId } = await service.link();
    const row = await stuck(userId, 'configuration_error', env);
    expect(row.move).toBe('operator');
    expect(await doctor(env)).toHaveProperty(name);
    await worker.kill('SIGTERM');
    await worker.start(service.env);
    await repair(row);
    await linked(userId);
  },
);

it('a result that is too large: named, and its job run again', async () => {
  const fault = service.atomic.faults.add({
    operation: 'GET employer-matches',
    times: 'always',
    kind: { hugeBodyBytes: 1_100_000 },
  });
  const { userId } = await service.link({ jobs: [EMPLOYER] });
  const row = await stuck(userId, 'result_too_large');
  fault.remove();
  await repair(row);
  await service.call.linkWhen(userId, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed');
});

it('no worker: named by both commands', async () => {
  const { userId } = await service.link();
  await linked(userId);
  await service.worker.kill('SIGKILL');
  await service.call.unlink(userId, 0, { deadlineMs: 10_000 });
  const row = await stuck(userId, 'no_worker');
  expect(row.command).toBe('npm run worker');
  expect(await doctor()).toHaveProperty('workers');
  await service.worker.start();
  await service.call.linkWhen(userId, ({ state }) => state === 'unlinked');
});

it('code that does not fit the history: named, and right again with the build that does', async () => {
  const { userId } = await service.link();
  await linked(userId);
  await service.worker.kill('SIGTERM');
  const folder = await mkdtemp(path.join(tmpdir(), 'processor-link-other-build-'));
  try {
    await cp(build, folder, { recursive: true, filter: (source) => !source.endsWith('node_modules') });
    await symlink(path.join(build, 'node_modules'), path.join(folder, 'node_modules'), 'dir');
    const bundle = path.join(folder, 'workflow-bundle.js');
    const code = await readFile(bundle, 'utf8');
    await writeFile(bundle, code.replaceAll('exchangePublicToken', 'exchangeOtherToken'));
    const url = service.worker.url;
    const env = { ...service.env };
    const misfit = new ServiceProcess({ name: 'worker', build: folder, folder: service.folder, url, env });
    await misfit.start();
    await service.call.unlink(userId, 0, { deadlineMs: 10_000 });
    const row = await stuck(userId, 'code_mismatch');
    expect(row).toMatchObject({ move: 'operator', command: expect.stringContaining('npm run worker') });
    await misfit.stop();
    await service.worker.start();
    await service.call.linkWhen(userId, ({ state }) => state === 'unlinked');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it('Temporal away: said by both commands, with a code of its own', async () => {
  const proxy = new SeverableProxy(service.temporal.address);
  await proxy.join();
  const env = { TEMPORAL_ADDRESS: proxy.address };
  await proxy.sever();
  const answer = await inTime(run('links', ['stuck', '--json'], env));
  expect([answer.code, answer.json()]).toMatchObject([3, { error: { code: 'temporal_unavailable' } }]);
  expect(Object.keys(await doctor(env))).toEqual(['temporal']);
  await proxy.join();
  expect((await inTime(run('links', ['stuck', '--json'], env))).code).toBe(0);
  await proxy.sever();
});
