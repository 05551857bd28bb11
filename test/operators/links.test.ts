import { z } from 'zod';
import { workflowIdOf } from '../../src/contract/names';
import type { Ended } from '../support/ended';
import { startService, useService } from '../support/service';

jest.setTimeout(180_000);

const rowSchema = z.strictObject({
  userId: z.string(),
  state: z.string(),
  since: z.iso.datetime(),
  code: z.string(),
  cause: z.string(),
  move: z.string(),
  command: z.string(),
});
const stuckSchema = z.strictObject({ links: z.array(rowSchema) });

const service = useService();
afterEach(() => service.plaid.faults.clear());

const links = (...args: string[]): Promise<Ended> => service.run('links', args);

/** The row of a user, once there is one with these words in its cause. */
async function rowOf(userId: string, words = ''): Promise<z.output<typeof rowSchema>> {
  const endMs = Date.now() + 30_000;
  for (;;) {
    const query = `WorkflowId = 'processor-link/${userId}'`;
    const answer = await links('stuck', '--json', '--query', query);
    expect(answer.code).toBe(0);
    const [row] = stuckSchema.parse(answer.json()).links;
    if (row?.cause.includes(words)) return row;
    if (Date.now() > endMs) throw new Error(`${userId} is not stuck: ${answer.stdout}`);
  }
}

/** The arguments of a command that a row names. */
const argumentsOf = (command: string): string[] => command.replace(/^npm run links -- /, '').split(' ');

it('names a step that fails, and tries it at once by the command that it names', async () => {
  const fault = service.plaid.faults.add({
    operation: '/processor/token/create',
    times: 'always',
    kind: { status: 500 },
  });
  const { userId } = await service.link();
  // Between two attempts the step itself has no failure yet.
  const row = await rowOf(userId, 'HTTP_500');
  expect(row).toMatchObject({ code: 'provider_unavailable', move: 'plaid' });
  expect(row.cause).toContain('createProcessorToken');
  fault.remove();

  const refused = await links(...argumentsOf(row.command).filter((word) => word !== '--yes'));
  expect(refused.code).toBe(2);
  expect(refused.stdout).toContain('Nothing was done');
  const shown = await links(...argumentsOf(row.command), '--dry-run');
  expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining(userId)]);
  expect((await links(...argumentsOf(row.command))).code).toBe(0);
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
});

it('tries links of a query at once, though they wait before the next start of their step', async () => {
  const kind = { status: 429, headers: { 'retry-after': '3600' } };
  const faults = { operation: 'POST /plaid/processor-link', kind } as const;
  const jobs = ['employer-classification'] as const;
  service.atomic.faults.add({ ...faults, times: 2 });
  const users = [(await service.link({ jobs })).userId, (await service.link({ jobs })).userId];
  for (const userId of users)
    expect(await rowOf(userId, 'again shortly')).toMatchObject({ code: 'provider_unavailable' });
  const query = `WorkflowId IN (${users.map((userId) => `'processor-link/${userId}'`).join(', ')})`;
  const answer = await links('retry', '--query', query, '--yes', '--json');
  expect([answer.code, answer.json()]).toMatchObject([0, { action: 'retry', total: 2, done: 2, failed: 0 }]);
  for (const userId of users) await service.call.linkWhen(userId, ({ state }) => state === 'linked');
});

it('tells the story of a link in lines of 80 columns, and says that nothing is to be done', async () => {
  const { userId } = await service.link();
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  const { code, stdout } = await links('why', userId);
  const lines = stdout.trimEnd().split('\n');
  expect(code).toBe(0);
  expect(lines.length).toBeLessThanOrEqual(12);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(stdout).toContain('exchangePublicToken is done');
  expect(stdout).toContain('It is as it should be');
  const json = z.looseObject({ state: z.string(), code: z.null(), story: z.array(z.unknown()) });
  expect(json.parse((await links('why', userId, '--json')).json()).state).toBe('linked');
});

it('asks Atomic now where a webhook was lost', async () => {
  const quiet = await startService({ atomic: { webhookMode: 'none' } });
  try {
    const { userId } = await quiet.link({ jobs: ['employer-classification'] });
    await quiet.call.linkWhen(userId, ({ jobs }) => jobs['employer-classification']?.state === 'registered');
    await quiet.atomic.ledger.waitForEffect('webhook_dropped', { userId });
    expect((await quiet.run('links', ['fetch', userId, '--yes'])).code).toBe(0);
    await quiet.call.linkWhen(userId, ({ state }) => state === 'linked');
  } finally {
    await quiet.close();
  }
});

it('runs a job that failed again', async () => {
  const fault = service.atomic.faults.add({
    operation: 'GET employer-matches',
    times: 'always',
    kind: { hugeBodyBytes: 1_100_000 },
  });
  const { userId } = await service.link({ jobs: ['employer-classification'] });
  await service.call.linkWhen(userId, ({ jobs }) => jobs['employer-classification']?.state === 'failed');
  fault.remove();
  const query = `WorkflowId = 'processor-link/${userId}'`;
  const shown = await links('rerun', 'employer-classification', '--query', query, '--dry-run');
  expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining(userId)]);
  expect((await links('rerun', 'employer-classification', '--query', query, '--yes')).code).toBe(0);
  await service.call.linkWhen(userId, ({ jobs }) => jobs['employer-classification']?.state === 'completed');
});

it('has a link go on in a new run, one or those of a query', async () => {
  const { userId } = await service.link();
  let { runId } = await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  for (const which of [[userId], ['--query', `WorkflowId = 'processor-link/${userId}'`]]) {
    const shown = await links('renew', ...which);
    expect([shown.code, shown.stdout]).toEqual([2, expect.stringContaining(userId)]);
    expect((await links('renew', ...which, '--yes')).code).toBe(0);
    const before = runId;
    ({ runId } = await service.call.linkWhen(userId, (link) => link.runId !== before));
  }
});

it('erases a user, open or closed, and leaves nothing of it', async () => {
  const [open, closed] = [await service.link(), await service.link()];
  for (const { userId } of [open, closed])
    await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  await service.call.unlink(closed.userId, 30);
  expect((await links('erase', open.userId, '--yes')).stdout).toBe(`${open.userId}: erased\n`);
  const query = `WorkflowId = 'processor-link/${closed.userId}'`;
  const answer = await links('erase', '--query', query, '--yes', '--json');
  expect([answer.code, answer.json()]).toMatchObject([0, { total: 1, done: 1 }]);
  for (const { userId } of [open, closed]) {
    while ((await service.call.get(userId)).status !== 404);
    expect(service.leftovers(userId)).toEqual([]);
  }
});

it('unlinks every link of a query, by a batch of Temporal', async () => {
  const [one, two] = [await service.link(), await service.link()];
  for (const { userId } of [one, two]) {
    await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  }
  const query = `PlaidItemId IN ('${one.itemId}', '${two.itemId}')`;
  const answer = await links('unlink', '--query', query, '--yes', '--json');
  expect([answer.code, answer.json()]).toMatchObject([0, { action: 'unlink', total: 2, failed: 0 }]);
  for (const { userId } of [one, two]) {
    await service.call.linkWhen(userId, ({ state }) => state === 'unlinked');
    expect(service.leftovers(userId)).toEqual([]);
  }
});

it('cleans up after a run that was terminated, and not under a link that is open again', async () => {
  const first = await service.link();
  const { userId } = first;
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  const terminate = () => service.client.workflow.getHandle(workflowIdOf(userId)).terminate('by hand');
  await terminate();
  const story = (await links('why', userId)).stdout;
  expect(story.replaceAll(/\s+/g, ' ')).toContain(`links -- forget ${userId}`);
  const second = await service.link({ userId });
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  expect((await links('forget', userId, '--yes')).stdout).toContain('1 Item removed');
  const lifeOf = (itemId: string) => service.plaid.items(userId).find((item) => item.itemId === itemId)?.life;
  expect([lifeOf(first.itemId), lifeOf(second.itemId)]).toEqual(['removed', 'live']);
  expect(service.atomic.leftovers(userId).registrations).not.toEqual([]);
  await terminate();
  expect((await links('forget', userId, '--yes')).code).toBe(0);
  expect(service.leftovers(userId)).toEqual([]);
});

it.each([
  [['why', 'nobody'], 1, /Not found/],
  [['stuck', '--query', 'Nonsense = 1'], 1, /Nonsense/],
  [['retry'], 1, /Name a user/],
  [['retry', 'a b'], 1, /user id/],
  [['retry', 'somebody', 'employer-classification', '--yes'], 1, /takes no job/],
  [['retry', 'somebody', '--query', "LinkState = 'linked'"], 1, /not both/],
  [['stuck', 'somebody'], 1, /links -- why somebody/],
  [['why', '--query', "LinkState = 'linked'"], 1, /Name a user/],
  [['dance'], 1, /Usage/],
])('refuses %j with %i', async (args, code, said) => {
  const answer = await links(...args);
  expect([answer.code, answer.stderr]).toEqual([code, expect.stringMatching(said)]);
});

it('says as JSON that Temporal is away, with a code of its own', async () => {
  const answer = await service.run('links', ['stuck', '--json'], { TEMPORAL_ADDRESS: '127.0.0.1:9' });
  expect([answer.code, answer.json()]).toMatchObject([3, { error: { code: 'temporal_unavailable' } }]);
});
