import type { Ended } from '../support/ended';
import { useService } from '../support/service';
import { SeverableProxy } from '../support/severable-proxy';
import { type Measured, OnCall, type Standing, stuckSchema } from './support/on-call';

jest.setTimeout(180_000);

const EMPLOYER = 'employer-classification';

const measured: Measured[] = [];
const service = useService();
const onCall = new OnCall(service);
afterEach(() => {
  service.atomic.faults.clear();
  service.plaid.faults.clear();
});
afterAll(() => console.table(measured));

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
      repaired: () => onCall.linked(userId),
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
      repaired: () => onCall.linked(userId),
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
      repaired: () => onCall.linked(userId),
    };
  },

  'DELETE refused': async () => {
    const { userId } = await onCall.linkedUser();
    const fault = service.atomic.faults.add({
      operation: 'DELETE /plaid/processor-link',
      times: 'always',
      kind: { status: 422, body: { code: 42201, message: 'no' } },
    });
    await onCall.askToUnlink(userId);
    return {
      userId,
      row: { code: 'provider_rejected', move: 'operator', command: expect.stringContaining('retry') },
      checks: { links: /provider_rejected/ },
      mend: () => fault.remove(),
      repaired: () => onCall.unlinked(userId),
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
    measured.push(await onCall.namesAndRepairs(fault, await inject()));
  },
);

it('a sign-in that has expired: no move of an operator, and the story says whose', async () => {
  const { userId, itemId } = await onCall.linkedUser();
  await service.plaid.requireLogin(itemId);
  await service.call.linkWhen(userId, ({ state }) => state === 'needs_attention');
  const answer = await service.run('links', ['stuck', '--json']);
  expect(stuckSchema.parse(answer.json()).links).toEqual([]);
  const story = await service.run('links', ['why', userId]);
  expect(story.stdout).toMatch(/waits for its user: sign_in_required/);
  const examined = await onCall.doctor();
  expect(examined.checks.find(({ name }) => name === 'links')).toMatchObject({ ok: true });
  await service.plaid.repair(itemId);
  await onCall.linked(userId);
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
  const isAway = async (answering: Promise<Ended>): Promise<number> => {
    const { code, seconds, json } = await answering;
    expect([code, json()]).toMatchObject([3, { error: { code: 'temporal_unavailable' } }]);
    return seconds;
  };
  const seconds = await isAway(service.run('links', ['stuck', '--json'], env));
  const examined = await onCall.doctor(env);
  expect(examined.checks.find(({ name }) => name === 'temporal')).toMatchObject({
    ok: false,
    message: expect.stringContaining(proxy.address),
  });
  const joinedMs = performance.now();
  await proxy.join();
  expect((await service.run('links', ['stuck', '--json'], env)).code).toBe(0);
  measured.push({
    fault: 'Temporal away',
    'stuck, s': seconds.toFixed(1),
    'doctor, s': examined.seconds.toFixed(1),
    command: '(start Temporal)',
    'repaired, s': ((performance.now() - joinedMs) / 1_000).toFixed(1),
  });
  await proxy.sever();
});
