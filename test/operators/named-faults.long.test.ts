import { z } from 'zod';
import { type Service, startService } from '../support/service';
import type { Environment } from '../support/service-process';
import { SeverableProxy } from '../support/severable-proxy';
import { serviceBuild } from '../support/temporal';
import { type CommandAnswer, runCommand } from './support/run-command';

jest.setTimeout(180_000);

/** After the fault, on a machine however busy. */
const NAMED_WITHIN_MS = 60_000;
const EMPLOYER = 'employer-classification';

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

/** A fault that stands, and what it is expected to look like. */
interface Standing {
  userId: string;
  row: Partial<Record<keyof Row, unknown>>;
  /** Checks of the doctor that say so, by name. */
  checks: Record<string, RegExp>;
  /** Of the operator's commands, where they are not those of the service. */
  env?: Environment;
  /** Ends the cause; what the row's command does not do itself. */
  mend(): unknown;
  repaired(): Promise<unknown>;
}

const measured: Record<string, string | number>[] = [];
let build: string;
let service: Service;

beforeAll(async () => {
  build = await serviceBuild();
  service = await startService({
    plaid: { userOfWebhookUrl: (url) => /\/webhooks\/plaid\/([^/]+)$/.exec(url)?.[1] },
  });
});
afterEach(() => {
  service.atomic.faults.clear();
  service.plaid.faults.clear();
});
afterAll(async () => {
  console.table(measured);
  await service?.close();
});

const run = (name: 'links' | 'doctor', args: readonly string[], env: Environment = {}) =>
  runCommand({ build, folder: service.folder, env: { ...service.env, ...env } }, name, args);

async function doctor(env: Environment = {}) {
  const answer = await run('doctor', ['--json'], env);
  const { checks } = reportSchema.parse(answer.json());
  return { seconds: answer.seconds, checks };
}

/** The row of a user, once `stuck` names it with the code. */
async function stuck(userId: string, code: unknown, env: Environment = {}) {
  const endMs = Date.now() + NAMED_WITHIN_MS;
  for (;;) {
    const answer = await run('links', ['stuck', '--json'], env);
    const row = stuckSchema.parse(answer.json()).links.find((link) => link.userId === userId);
    if (row !== undefined && row.code === code) return { row, seconds: answer.seconds };
    if (Date.now() > endMs) throw new Error(`${userId} is not stuck by ${code}: ${answer.stdout}`);
  }
}

const linked = (userId: string) => service.call.linkWhen(userId, ({ state }) => state === 'linked');
const unlinked = async (userId: string) => {
  await service.call.linkWhen(userId, ({ state }) => state === 'unlinked');
  expect(service.leftovers(userId)).toEqual([]);
};
/** Asks for it alone: without a worker, or one that can read the link, there is no view to answer with. */
const askToUnlink = (userId: string) => service.call.unlink(userId, 0, { deadlineMs: 10_000 });

async function linkedUser(): Promise<{ userId: string; itemId: string }> {
  const link = await service.link({ jobs: [EMPLOYER] });
  await linked(link.userId);
  return link;
}

const FAULTS: Record<string, () => Promise<Standing>> = {
  'lost webhook': async () => {
    service.atomic.webhooks.mode = 'none';
    const { userId } = await service.link({ jobs: [EMPLOYER] });
    await service.atomic.ledger.waitForEffect('webhook_dropped', { userId });
    return {
      userId,
      row: { code: 'result_overdue', move: 'atomic' },
      checks: { links: /result_overdue/ },
      // For the commands it is overdue, before the worker asks by itself.
      env: { RESULT_OVERDUE_AFTER: '1s' },
      mend: () => {
        service.atomic.webhooks.mode = 'send';
      },
      repaired: () => linked(userId),
    };
  },

  'Atomic 500': async () => {
    const fault = service.atomic.faults.add({ times: 'always', kind: { status: 500 } });
    const { userId } = await service.link();
    return {
      userId,
      row: { code: 'provider_unavailable', move: 'atomic' },
      checks: { 'atomic-keys': /HTTP_500/, links: /provider_unavailable/ },
      mend: () => fault.remove(),
      repaired: () => linked(userId),
    };
  },

  'Plaid rate limit': async () => {
    const kind = { plaidError: 'ACCOUNTS_LIMIT' };
    const fault = service.plaid.faults.add({ operation: '/accounts/get', times: 'always', kind });
    const { userId } = await service.link();
    return {
      userId,
      row: { code: 'provider_unavailable', move: 'plaid' },
      checks: { 'plaid-atomicfi': /ACCOUNTS_LIMIT/, links: /provider_unavailable/ },
      mend: () => fault.remove(),
      repaired: () => linked(userId),
    };
  },

  'DELETE refused': async () => {
    const { userId } = await linkedUser();
    const fault = service.atomic.faults.add({
      operation: 'DELETE /plaid/processor-link',
      times: 'always',
      kind: { status: 422, body: { code: 42201, message: 'no' } },
    });
    await askToUnlink(userId);
    return {
      userId,
      row: { code: 'provider_rejected', move: 'operator', command: expect.stringContaining('retry') },
      checks: { links: /provider_rejected/ },
      mend: () => fault.remove(),
      repaired: () => unlinked(userId),
    };
  },

  'result too large': async () => {
    const fault = service.atomic.faults.add({
      operation: 'GET employer-matches',
      times: 'always',
      kind: { hugeBodyBytes: 1_100_000 },
    });
    const { userId } = await service.link({ jobs: [EMPLOYER] });
    return {
      userId,
      row: { code: 'result_too_large', move: 'operator' },
      checks: { links: /result_too_large/ },
      mend: () => fault.remove(),
      repaired: () => service.call.linkWhen(userId, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed'),
    };
  },
};

it.each(Object.entries(FAULTS))(
  '%s: named by both commands, and repaired by the one that they name',
  async (fault, inject) => {
    const { userId, row: expected, checks: expectedChecks, env, mend, repaired } = await inject();
    const { row, seconds } = await stuck(userId, expected.code, env);
    expect(row).toMatchObject(expected);
    const examined = await doctor(env);
    const said = Object.fromEntries(examined.checks.map(({ name, message }) => [name, message]));
    expect(said).toMatchObject(
      Object.fromEntries(
        Object.entries(expectedChecks).map(([name, words]) => [name, expect.stringMatching(words)]),
      ),
    );

    const mendedMs = performance.now();
    await mend();
    const [, words] = /^npm run links -- (.*)$/.exec(row.command) ?? [];
    if (words !== undefined) {
      const answer = await run('links', words.split(' '), env);
      expect([answer.code, answer.stderr]).toEqual([0, '']);
    }
    await repaired();
    measured.push({
      fault,
      'stuck, s': seconds.toFixed(1),
      'doctor, s': examined.seconds.toFixed(1),
      command: row.command.replace(userId, '<userId>'),
      'repaired, s': ((performance.now() - mendedMs) / 1_000).toFixed(1),
    });
  },
);

it('a sign-in that has expired: no move of an operator, and the story says whose', async () => {
  const { userId, itemId } = await linkedUser();
  await service.plaid.requireLogin(itemId);
  await service.call.linkWhen(userId, ({ state }) => state === 'needs_attention');
  const answer = await run('links', ['stuck', '--json']);
  expect(stuckSchema.parse(answer.json()).links).toEqual([]);
  const story = await run('links', ['why', userId]);
  expect(story.stdout).toMatch(/waits for its user: sign_in_required/);
  const examined = await doctor();
  expect(examined.checks.find(({ name }) => name === 'links')).toMatchObject({ ok: true });
  await service.plaid.repair(itemId);
  await linked(userId);
  measured.push({
    fault: 'sign-in',
    'stuck, s': answer.seconds.toFixed(1),
    'doctor, s': examined.seconds.toFixed(1),
    command: '(the user)',
  });
});

it('Temporal away: said by both commands, with a code of its own', async () => {
  const proxy = new SeverableProxy(service.temporal.address);
  await proxy.join();
  const env = { TEMPORAL_ADDRESS: proxy.address };
  await proxy.sever();
  const isAway = async (answering: Promise<CommandAnswer>): Promise<number> => {
    const { code, seconds, json } = await answering;
    expect([code, json()]).toMatchObject([3, { error: { code: 'temporal_unavailable' } }]);
    return seconds;
  };
  const seconds = await isAway(run('links', ['stuck', '--json'], env));
  const examined = await doctor(env);
  expect(examined.checks.find(({ name }) => name === 'temporal')).toMatchObject({
    ok: false,
    message: expect.stringContaining(proxy.address),
  });
  const joinedMs = performance.now();
  await proxy.join();
  expect((await run('links', ['stuck', '--json'], env)).code).toBe(0);
  measured.push({
    fault: 'Temporal away',
    'stuck, s': seconds.toFixed(1),
    'doctor, s': examined.seconds.toFixed(1),
    command: '(start Temporal)',
    'repaired, s': ((performance.now() - joinedMs) / 1_000).toFixed(1),
  });
  await proxy.sever();
});
