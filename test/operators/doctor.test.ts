import { z } from 'zod';
import { DOCTOR_USER } from '../../src/operator/doctor/provider-checks';
import { useService } from '../support/service';
import type { Environment } from '../support/service-process';

jest.setTimeout(180_000);

const reportSchema = z.strictObject({
  checks: z.array(
    z.strictObject({ name: z.string(), ok: z.boolean(), message: z.string(), fix: z.string().optional() }),
  ),
});
type Report = z.output<typeof reportSchema>;

const service = useService();

beforeAll(async () => {
  const { userId } = await service.link();
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
});

async function doctor(
  env: Environment = {},
): Promise<{ code: number | null; report: Report; failed: string[] }> {
  const answer = await service.run('doctor', ['--json'], env);
  const report = reportSchema.parse(answer.json());
  return {
    code: answer.code,
    report,
    failed: report.checks.filter(({ ok }) => !ok).map(({ name }) => name),
  };
}

it('proves every prerequisite of a service that is well, and leaves nothing behind', async () => {
  const { code, report, failed } = await doctor();
  expect({ failed, report: failed.length > 0 ? report : undefined }).toEqual({ failed: [] });
  expect(code).toBe(0);
  expect(report.checks.map(({ name }) => name).sort()).toEqual([
    'atomic-keys',
    'clock',
    'current-version',
    'keys',
    'links',
    'plaid-atomicfi',
    'plaid-keys',
    'plaid-transactions',
    'plaid-webhooks',
    'public-url',
    'retention',
    'search-attributes',
    'settings',
    'temporal',
    'workers',
  ]);
  const said = (name: string) => report.checks.find((check) => check.name === name)?.message;
  expect(said('keys')).toContain('same keys');
  expect(said('plaid-webhooks')).toContain('came');
  expect(said('workers')).toContain('one has answered');
  expect(service.leftovers(DOCTOR_USER)).toEqual([]);
  expect(service.plaid.items(DOCTOR_USER).map(({ life }) => life)).toEqual(['removed']);
});

it.each<[string, Environment, string[]]>([
  [
    'a wrong Plaid key',
    { PLAID_SECRET: 'wrong-secret' },
    ['plaid-atomicfi', 'plaid-keys', 'plaid-transactions', 'plaid-webhooks'],
  ],
  ['a wrong Atomic key', { ATOMIC_API_KEY: 'wrong-key' }, ['atomic-keys']],
  [
    'a webhook secret that is out of step',
    { ATOMIC_WEBHOOK_SECRETS: 'another-secret-of-webhooks' },
    ['public-url'],
  ],
  ['an API that cannot be reached', { PUBLIC_URL: 'http://127.0.0.1:9' }, ['public-url']],
  ['a task queue without workers', { TEMPORAL_TASK_QUEUE: 'nobody-polls-this' }, ['workers']],
  [
    'keys that the workers do not have',
    { ENCRYPTION_KEYS: `other:${Buffer.alloc(32, 7).toString('base64')}` },
    ['keys'],
  ],
])('names %s, says what to do, and exits with 1', async (_, env, names) => {
  const { code, report, failed } = await doctor(env);
  expect(failed).toEqual(expect.arrayContaining(names));
  expect(failed.filter((name) => !names.includes(name))).toEqual([]);
  for (const { ok, fix } of report.checks) expect(fix !== undefined).toBe(!ok);
  expect(code).toBe(1);
});

it('says that Temporal is away, and looks at the rest', async () => {
  const { code, failed, report } = await doctor({ TEMPORAL_ADDRESS: '127.0.0.1:9' });
  expect(code).toBe(1);
  // A webhook that a loaded machine delivers late fails a check of its own.
  expect(failed).toContain('temporal');
  expect(report.checks.map(({ name }) => name)).toContain('plaid-atomicfi');
});

it('says every problem of the settings as a check', async () => {
  const { code, report } = await doctor({ PORT: 'none', RESULT_OVERDUE_AFTER: 'soon' });
  expect([code, report.checks.map(({ name }) => name)]).toEqual([1, ['settings']]);
  expect(report.checks[0]?.message).toContain('RESULT_OVERDUE_AFTER');
});

it('has a worker say at its start what is wrong, and start all the same', async () => {
  const worker = await service.another('worker');
  await worker.start({ ATOMIC_API_KEY: 'wrong-key' });
  await worker.logged('Atomic refuses the keys');
  expect(worker.logLines).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      check: 'atomic-keys',
      fix: expect.stringContaining('ATOMIC_API_KEY'),
    }),
  );
  await worker.stop();
});
