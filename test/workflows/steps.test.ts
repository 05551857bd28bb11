import { EMPLOYER, getJob, getLink, RECURRING, viewWhen, webhook } from '../support/link-calls';
import { useWorld } from '../support/world';
import { cancelled, endingOf, expectFailed, expectUnlinked } from './support/ending';

const world = useWorld({ skipsTime: true });

const CHECKING = { type: 'depository', subtype: 'checking' } as const;
const SAVINGS = { type: 'depository', subtype: 'savings' } as const;
const CARD = { type: 'credit', subtype: 'credit card' } as const;

describe('steps', () => {
  it('goes from a public token to both results and back to nothing, step by step', async () => {
    const { handle, userId, itemId, accountId } = await world.start({ jobs: [EMPLOYER, RECURRING] });
    const waiting = await viewWhen(handle, bothRegistered);
    expect(waiting).toMatchObject({ state: 'waiting', itemId, accountId });
    await webhook(handle, EMPLOYER);
    await webhook(handle, RECURRING);
    await viewWhen(handle, (view) => view.state === 'linked');
    expect(await getJob(handle, EMPLOYER)).toMatchObject({
      state: 'completed',
      result: [{ company: { name: 'Bluebird Logistics' } }, { confidence: 'LOW' }],
    });
    expect(await getJob(handle, RECURRING)).toMatchObject({
      state: 'completed',
      result: [{ category: 'subscription' }, { category: 'payroll' }, { category: 'utilities' }],
    });
    await expectUnlinked(world, handle, await cancelled(world, handle));
    const calls = world.calls.of(userId);
    expect(calls.slice(0, 5)).toEqual(['exchange', 'accounts', 'processor token', 'register', 'register']);
    expect(calls.slice(5, 7).sort()).toEqual(['employer result', 'recurring result']);
    expect(calls.slice(7)).toEqual(['delete', 'remove item']);
  });

  it('skips the exchange for an access token, and never removes its Item', async () => {
    const { handle, userId, itemId } = await world.start({ fromAccessToken: true });
    expect(await viewWhen(handle, bothRegistered)).toMatchObject({ state: 'waiting', itemId });
    await webhook(handle, EMPLOYER);
    await viewWhen(handle, (view) => view.state === 'linked');
    await expectUnlinked(world, handle, await cancelled(world, handle));
    expect(world.calls.of(userId)).toEqual([
      'accounts',
      'processor token',
      'register',
      'employer result',
      'delete',
    ]);
    expect(world.plaid.leftovers(userId).callersItems).toEqual([itemId]);
  });

  it('registers two jobs side by side: one whose answer is late does not keep the other', async () => {
    const { atomic } = world;
    const late = atomic.faults.add({ operation: 'POST /plaid/processor-link', kind: { hold: 'late' } });
    const { handle, userId } = await world.start({ jobs: [EMPLOYER, RECURRING] });
    await atomic.ledger.waitForEffect('registration_stored', { userId });
    expect([late.hits, atomic.links(userId).length]).toEqual([1, 1]);
    atomic.faults.release('late');
    await viewWhen(handle, bothRegistered);
    const registered = atomic.links(userId).map(({ job }) => job);
    expect(registered.sort()).toEqual([EMPLOYER, RECURRING]);
  });

  it.each([false, true])(
    'takes the account that was asked for (access token: %s)',
    async (fromAccessToken) => {
      const { handle, userId } = await world.start({
        accounts: [CHECKING, { ...SAVINGS, accountId: 'savings-1' }, CARD],
        accountId: 'savings-1',
        fromAccessToken,
      });
      const view = await viewWhen(handle, bothRegistered);
      expect(view.accountId).toBe('savings-1');
      const [made] = world.plaid.ledger.effects('processor_token_created', userId);
      expect(made?.details.accountId).toBe('savings-1');
      await expectUnlinked(world, handle, await cancelled(world, handle));
    },
  );

  it('takes the only depository account where none was asked for', async () => {
    const { handle, accountId } = await world.start({ accounts: [CHECKING, CARD] });
    expect((await viewWhen(handle, bothRegistered)).accountId).toBe(accountId);
  });

  it.each([
    ['two depository accounts', { accounts: [CHECKING, SAVINGS] }, 'account_required'],
    ['no depository account', { accounts: [CARD] }, 'account_required'],
    ['an account that the Item lacks', { accounts: [CHECKING], accountId: 'another' }, 'account_not_found'],
  ])('waits for the choice of its user for %s, without a processor token', async (_, options, code) => {
    const { handle, userId } = await world.start(options);
    const { error } = await viewWhen(handle, ({ state }) => state === 'needs_attention');
    expect(error).toMatchObject({ code, action: 'choose_account' });
    expect(world.calls.of(userId)).toEqual(['exchange', 'accounts']);
    await expectUnlinked(world, handle, await cancelled(world, handle));
  });
});

describe('with removal of Items switched off', () => {
  beforeEach(() => void Object.assign(world.settings, { removeItemOnUnlink: false }));

  it('keeps the Item on unlink, but not the registration', async () => {
    const { handle, userId, itemId } = await world.start();
    await viewWhen(handle, bothRegistered);
    expect(await cancelled(world, handle)).toMatchObject({
      status: 'CANCELLED',
      view: { state: 'unlinked' },
    });
    expect(world.atomic.links(userId)).toEqual([]);
    expect(world.plaid.leftovers(userId).items).toEqual([itemId]);
    expect(world.calls.count(userId, 'remove item')).toBe(0);
  });

  it('removes the Item all the same when the link fails', async () => {
    world.plaid.faults.add({
      operation: '/accounts/get',
      kind: { plaidError: 'PRODUCTS_NOT_SUPPORTED' },
    });
    const { handle } = await world.start();
    await expectFailed(world, handle, await endingOf(world, handle), 'bank_not_supported');
  });
});

describe('the wait for the full history', () => {
  const HOUR_MS = 3_600_000;
  beforeEach(() => void Object.assign(world.settings, { waitForHistoryMs: HOUR_MS }));

  it.each([
    ['is 10 minutes fast', 10],
    ['is 10 minutes slow', -10],
    ['had the request two hours before a worker took it', -120],
  ])('takes its hour from when it began, though the API %s', async (_, minutes) => {
    const createdAt = new Date(Date.now() + minutes * 60_000);
    const { handle, userId } = await world.start({ createdAt });
    await world.plaid.ledger.waitForRequest('/item/get', { userId, outcome: 'answered' });
    expect((await getLink(handle)).createdAt).toBe(createdAt.toISOString());
    await world.pass('58m');
    expect(world.calls.count(userId, 'register')).toBe(0);
    await world.pass('4m');
    await viewWhen(handle, bothRegistered);
  });
});

function bothRegistered(view: { jobs: Partial<Record<string, { state: string }>> }): boolean {
  return Object.values(view.jobs).every((job) => job?.state === 'registered');
}
