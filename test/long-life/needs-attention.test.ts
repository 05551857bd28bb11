import { randomBytes } from 'node:crypto';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { SIGNALS, UPDATES } from '../../src/contract/names';
import type { LinkView } from '../../src/contract/schemas';
import { rejectionOf } from '../support/error-text';
import {
  askForLinkToken,
  EMPLOYER,
  getJob,
  getLink,
  type Handle,
  plaidWebhook,
  RECURRING,
  viewWhen,
  webhook,
} from '../support/link-calls';
import { useWorld } from '../support/world';
import { cancelled, endingOf, expectNothingLeft, expectUnlinked } from '../workflows/support/ending';
import { hold } from '../workflows/support/holding';

const world = useWorld({ skipsTime: true });

describe('a link that needs its user', () => {
  const CREATE_TOKEN = '/processor/token/create';

  async function linked(options: Parameters<typeof world.start>[0] = {}) {
    const started = await world.start(options);
    await viewWhen(started.handle, ({ state }) => state === 'waiting');
    for (const job of options.jobs ?? [EMPLOYER]) await webhook(started.handle, job);
    await viewWhen(started.handle, ({ state }) => state === 'linked');
    return started;
  }

  async function signInExpires(handle: Handle, itemId: string): Promise<LinkView> {
    await world.plaid.requireLogin(itemId, { webhook: false });
    await plaidWebhook(handle, { kind: 'sign_in_required', itemId });
    return viewWhen(handle, ({ state }) => state === 'needs_attention');
  }

  function confirm(handle: Handle): Promise<LinkView> {
    return handle.executeUpdate<LinkView, []>(UPDATES.confirmRepair);
  }

  /** The code that an update is refused with. */
  async function refusalOf(update: Promise<unknown>): Promise<string | null | undefined> {
    const error = await rejectionOf(update);
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    return error.cause instanceof ApplicationFailure ? error.cause.type : undefined;
  }

  function tokensMade(userId: string): number {
    return world.plaid.ledger.effects('processor_token_created', userId).length;
  }

  describe('a sign-in that expires', () => {
    it('leaves the results readable, and the link goes on where it stood once the caller confirms', async () => {
      const { handle, userId, itemId } = await linked();
      const attention = await signInExpires(handle, itemId);
      expect(attention).toMatchObject({ error: { code: 'sign_in_required', action: 'repair' } });
      expect(await getJob(handle, EMPLOYER)).toMatchObject({ state: 'completed', result: expect.any(Array) });

      await world.plaid.repair(itemId, { webhook: false });
      const repaired = await confirm(handle);
      expect(repaired).toMatchObject({ state: 'linked', itemId });
      expect(repaired).not.toHaveProperty('error');
      expect(tokensMade(userId)).toBe(1);
      expect(world.calls.count(userId, 'register')).toBe(1);
      await expectUnlinked(world, handle, await cancelled(world, handle));
    });

    it('is mended by LOGIN_REPAIRED alone', async () => {
      const { handle, itemId } = await linked();
      await signInExpires(handle, itemId);
      await world.plaid.repair(itemId, { webhook: false });
      await plaidWebhook(handle, { kind: 'sign_in_repaired', itemId });
      expect(await viewWhen(handle, ({ state }) => state === 'linked')).not.toHaveProperty('error');
    });

    it('is not mended by a LOGIN_REPAIRED that does not hold', async () => {
      const { handle, userId, itemId } = await linked();
      await signInExpires(handle, itemId);
      await plaidWebhook(handle, { kind: 'sign_in_repaired', itemId });
      await world.plaid.ledger.waitForRequest('/item/get', { userId, outcome: 'answered' });
      expect(await getLink(handle)).toMatchObject({ state: 'needs_attention' });
      expect(await refusalOf(confirm(handle))).toBe('still_needs_attention');
    });

    it('refuses confirmation until the user has signed in', async () => {
      const { handle, itemId } = await linked();
      await signInExpires(handle, itemId);
      expect(await refusalOf(confirm(handle))).toBe('still_needs_attention');
      expect(await getLink(handle)).toMatchObject({ state: 'needs_attention' });
    });

    it('is looked into later when Plaid is down as the caller confirms', async () => {
      const { handle, userId, itemId } = await linked();
      await signInExpires(handle, itemId);
      await world.plaid.repair(itemId, { webhook: false });
      world.plaid.faults.add({
        operation: '/item/get',
        userId,
        times: 2,
        kind: { plaidError: 'PLANNED_MAINTENANCE' },
      });
      expect(await refusalOf(confirm(handle))).toBe('provider_unavailable');
      expect(await world.viewLater(handle, ({ state }) => state === 'linked', '5m')).not.toHaveProperty(
        'error',
      );
    });

    it('goes on waiting for a result that was due', async () => {
      const { handle, itemId } = await world.start();
      await viewWhen(handle, ({ state }) => state === 'waiting');
      await signInExpires(handle, itemId);
      await webhook(handle, EMPLOYER);
      await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed');
      await world.plaid.repair(itemId, { webhook: false });
      expect(await confirm(handle)).toMatchObject({ state: 'linked' });
    });

    it('holds back a job that is asked for meanwhile', async () => {
      const { handle, userId, itemId } = await linked();
      await signInExpires(handle, itemId);
      const asked = await handle.executeUpdate<LinkView, [unknown]>(UPDATES.runJob, {
        args: [{ job: RECURRING }],
      });
      expect(asked).toMatchObject({ state: 'needs_attention', jobs: { [RECURRING]: { state: 'pending' } } });
      await world.pass('1h');
      expect(world.calls.count(userId, 'register')).toBe(1);
      await world.plaid.repair(itemId, { webhook: false });
      await confirm(handle);
      await viewWhen(handle, ({ jobs }) => jobs[RECURRING]?.state === 'registered');
    });

    it('is unlinked as at any other time', async () => {
      const { handle, itemId } = await linked();
      await signInExpires(handle, itemId);
      await expectUnlinked(world, handle, await cancelled(world, handle));
    });
  });

  describe('an error that only the user can mend', () => {
    it.each([
      ['/accounts/get', 'ITEM_LOGIN_REQUIRED'],
      ['/accounts/get', 'NO_ACCOUNTS'],
      [CREATE_TOKEN, 'ITEM_LOCKED'],
      [CREATE_TOKEN, 'INVALID_ACCOUNT_ID'],
      [CREATE_TOKEN, 'ADDITIONAL_CONSENT_REQUIRED'],
    ])('leads there from %s: %s', async (operation, plaidError) => {
      const userId = `user-${randomBytes(4).toString('hex')}`;
      world.plaid.faults.add({ operation, userId, kind: { plaidError } });
      const { handle } = await world.start({ userId });
      const attention = await viewWhen(handle, ({ state }) => state === 'needs_attention');
      expect(attention).toMatchObject({ error: { code: 'sign_in_required', action: 'repair' } });
      expect(await confirm(handle)).not.toHaveProperty('error');
      await viewWhen(handle, ({ state }) => state === 'waiting');
    });

    it('leads there from a repair that finds another one', async () => {
      const { handle, userId, itemId } = await linked();
      await signInExpires(handle, itemId);
      await world.plaid.repair(itemId, { webhook: false });
      world.plaid.faults.add({
        operation: '/accounts/get',
        userId,
        kind: { plaidError: 'ITEM_LOGIN_REQUIRED' },
      });
      expect(await refusalOf(confirm(handle))).toBe('still_needs_attention');
      expect(await confirm(handle)).toMatchObject({ state: 'linked' });
    });

    it("is mended for a caller's Item by LOGIN_REPAIRED too, though its id was not known yet", async () => {
      const userId = `user-${randomBytes(4).toString('hex')}`;
      world.plaid.faults.add({
        operation: '/accounts/get',
        userId,
        kind: { plaidError: 'ITEM_LOGIN_REQUIRED' },
      });
      const { handle, itemId } = await world.start({ userId, fromAccessToken: true });
      await viewWhen(handle, ({ state }) => state === 'needs_attention');
      await plaidWebhook(handle, { kind: 'sign_in_repaired', itemId });
      expect(await viewWhen(handle, ({ state }) => state === 'waiting')).toMatchObject({ itemId });
    });
  });

  describe('a Link token of update mode', () => {
    it('is made for the Item, and travels sealed', async () => {
      const { handle, userId, itemId } = await linked();
      await signInExpires(handle, itemId);
      const answer = await askForLinkToken(handle);
      expect(answer.sealedLinkToken).not.toContain('link-sandbox');
      expect(Date.parse(answer.expiration)).toBeGreaterThan(Date.now());
      const [made] = world.plaid.ledger.effects('link_token_created', userId);
      expect(made?.details).toMatchObject({ mode: 'update', itemId });
    });

    it('is refused while nothing is wrong, and once the link is over', async () => {
      const { handle } = await linked();
      const ask = () => askForLinkToken(handle);
      expect(await refusalOf(ask())).toBe('not_needed');
      expect(await refusalOf(confirm(handle))).toBe('not_needed');
    });

    it('says why there is none while the bank is down', async () => {
      const { handle, userId, itemId } = await linked();
      await signInExpires(handle, itemId);
      world.plaid.faults.add({
        operation: '/link/token/create',
        userId,
        times: 'always',
        kind: { plaidError: 'INSTITUTION_DOWN' },
      });
      expect(await refusalOf(askForLinkToken(handle))).toBe('bank_unavailable');
    });
  });

  describe('an account under another id', () => {
    const depository = { type: 'depository', subtype: 'checking', mask: '0000' } as const;

    it.each([
      ['its persistent id', { ...depository, persistentAccountId: 'persistent-1' }],
      ['its mask and subtype', depository],
    ])('is known by %s: a new processor token is made and every job registered again', async (_, account) => {
      const jobs = [EMPLOYER, RECURRING];
      const { handle, userId, itemId } = await linked({ jobs, accounts: [account] });
      await signInExpires(handle, itemId);
      const movedTo = world.plaid.changeAccountId(itemId);
      await world.plaid.repair(itemId, { webhook: false });
      await confirm(handle);
      const view = await viewWhen(handle, ({ state }) => state === 'waiting');
      expect(view).toMatchObject({ itemId, accountId: movedTo });
      expect(tokensMade(userId)).toBe(2);
      const [, newest] = world.plaid.ledger.effects('processor_token_created', userId);
      await viewWhen(handle, (now) => Object.values(now.jobs).every(({ state }) => state === 'registered'));
      for (const link of world.atomic.links(userId)) {
        expect(link).toMatchObject({ run: 2, token: newest?.details.token });
      }
      expect(await getJob(handle, EMPLOYER)).toMatchObject({ run: 2, result: expect.any(Array) });
      await webhook(handle, EMPLOYER);
      await webhook(handle, RECURRING);
      await viewWhen(handle, ({ state }) => state === 'linked');
    });

    it('that could be either of two needs the user still', async () => {
      const { handle, itemId, accountId } = await linked({ accounts: [depository], jobs: [EMPLOYER] });
      await signInExpires(handle, itemId);
      world.plaid.changeAccountId(itemId, accountId);
      world.plaid.addAccount(itemId, depository);
      await world.plaid.repair(itemId, { webhook: false });
      expect(await refusalOf(confirm(handle))).toBe('still_needs_attention');
      expect(await getLink(handle)).toMatchObject({ state: 'needs_attention', accountId });
    });

    it('that the user no longer shares needs the user still', async () => {
      const { handle, itemId } = await linked();
      await signInExpires(handle, itemId);
      await world.plaid.revokeAccount(itemId);
      await world.plaid.repair(itemId, { webhook: false });
      expect(await refusalOf(confirm(handle))).toBe('still_needs_attention');
    });
  });

  describe('a warning of the bank', () => {
    it('is shown with its date, and gone once the user has signed in again', async () => {
      const { handle, itemId } = await linked();
      const until = '2030-01-02T03:04:05.000Z';
      await plaidWebhook(handle, { kind: 'pending_disconnect', itemId, until });
      const warned = await viewWhen(handle, ({ warning }) => warning !== undefined);
      expect(warned).toMatchObject({ state: 'linked', warning: { code: 'pending_disconnect', until } });
      await askForLinkToken(handle);
      expect(await confirm(handle)).not.toHaveProperty('warning');
      expect(await refusalOf(confirm(handle))).toBe('not_needed');
    });

    it('gives way to the other one, and to a sign-in that has expired', async () => {
      const { handle, itemId } = await linked();
      await plaidWebhook(handle, { kind: 'pending_disconnect', itemId });
      await plaidWebhook(handle, { kind: 'pending_expiration', itemId });
      const warned = await viewWhen(handle, ({ warning }) => warning?.code === 'pending_expiration');
      expect(warned.state).toBe('linked');
      await signInExpires(handle, itemId);
      await world.plaid.repair(itemId, { webhook: false });
      await plaidWebhook(handle, { kind: 'sign_in_repaired', itemId });
      expect(await viewWhen(handle, ({ state }) => state === 'linked')).not.toHaveProperty('warning');
    });

    it("of another Item is nobody's", async () => {
      const { handle } = await linked();
      await plaidWebhook(handle, { kind: 'pending_disconnect', itemId: 'another-item' });
      await plaidWebhook(handle, { kind: 'sign_in_required', itemId: 'another-item' });
      await plaidWebhook(handle, { kind: 'permission_revoked', itemId: 'another-item' });
      expect(await getLink(handle)).toMatchObject({ state: 'linked' });
      expect(await getLink(handle)).not.toHaveProperty('warning');
    });
  });

  describe('permission that the user withdraws at the bank', () => {
    it.each([false, true])(
      'unlinks and completes; the Item stays for us to remove: %s',
      async (itemStays) => {
        const { handle, userId, itemId } = await linked();
        await world.plaid.revokePermission(itemId, { itemStays });
        await plaidWebhook(handle, { kind: 'permission_revoked', itemId });
        expect(await endingOf(world, handle)).toMatchObject({
          status: 'COMPLETED',
          view: { state: 'unlinked' },
        });
        expectNothingLeft(world, userId);
        expect(await getJob(handle, EMPLOYER)).not.toHaveProperty('result');
        expect(world.calls.of(userId).slice(-2)).toEqual(['delete', 'remove item']);
      },
    );

    it('is heard before the Item is known', async () => {
      const userId = `user-${randomBytes(4).toString('hex')}`;
      world.plaid.faults.add({
        operation: '/item/public_token/exchange',
        userId,
        kind: { hold: 'exchange' },
      });
      const { handle, itemId } = await world.start({ userId });
      while (world.plaid.faults.held('exchange') === 0) await getLink(handle);
      await plaidWebhook(handle, { kind: 'permission_revoked', itemId });
      world.plaid.faults.release('exchange');
      expect(await endingOf(world, handle)).toMatchObject({
        status: 'COMPLETED',
        view: { state: 'unlinked' },
      });
      expectNothingLeft(world, userId);
      expect(world.calls.count(userId, 'register')).toBe(0);
    });

    it('ends a link that looks at its Item and finds it gone', async () => {
      const { handle, userId, itemId } = await linked();
      await signInExpires(handle, itemId);
      await world.plaid.revokePermission(itemId);
      expect(await refusalOf(confirm(handle))).toBe('not_linked');
      expect(await endingOf(world, handle)).toMatchObject({
        status: 'FAILED',
        view: { state: 'failed', error: { code: 'access_revoked', action: 'relink' } },
      });
      expectNothingLeft(world, userId);
    });
  });

  describe('an account that the user withdraws', () => {
    async function withdrawn() {
      const started = await linked();
      const { handle, itemId, accountId } = started;
      await world.plaid.revokeAccount(itemId, accountId);
      await handle.signal(SIGNALS.plaidWebhook, {
        kind: 'account_revoked',
        accountId,
        itemId,
        bodySha256: randomBytes(32).toString('hex'),
      });
      await viewWhen(
        handle,
        ({ state, jobs }) => state === 'needs_attention' && jobs[EMPLOYER]?.state === 'pending',
      );
      return started;
    }

    it('is dropped at Atomic and here before the user is waited for', async () => {
      const { handle, userId } = await withdrawn();
      expect(world.atomic.links(userId)).toEqual([]);
      expect(world.calls.count(userId, 'delete')).toBe(1);
      expect(world.calls.count(userId, 'remove item')).toBe(0);
      expect(await getLink(handle)).toMatchObject({ error: { code: 'access_revoked', action: 'repair' } });
      expect(await getJob(handle, EMPLOYER)).not.toHaveProperty('result');
    });

    it('waits for Atomic to confirm, and shows why while it does not', async () => {
      const { handle, userId, itemId, accountId } = await linked();
      world.atomic.faults.add({
        operation: 'DELETE /plaid/processor-link',
        userId,
        times: 3,
        kind: { status: 503 },
      });
      await world.plaid.revokeAccount(itemId, accountId);
      await handle.signal(SIGNALS.plaidWebhook, {
        kind: 'account_revoked',
        accountId,
        itemId,
        bodySha256: randomBytes(32).toString('hex'),
      });
      const attention = await viewWhen(handle, ({ state }) => state === 'needs_attention');
      expect(attention.jobs[EMPLOYER]?.state).toBe('completed');
      await world.viewLater(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'pending');
      expect(world.atomic.links(userId)).toEqual([]);
    });

    it('is registered again once the user shares it again', async () => {
      const { handle, userId, itemId } = await withdrawn();
      const accountId = world.plaid.addAccount(itemId, {
        type: 'depository',
        subtype: 'checking',
        mask: '0000',
      });
      await confirm(handle);
      const view = await viewWhen(handle, ({ state }) => state === 'waiting');
      expect(view).toMatchObject({ accountId, jobs: { [EMPLOYER]: { state: 'registered' } } });
      expect(world.calls.count(userId, 'register')).toBe(2);
      await webhook(handle, EMPLOYER);
      await viewWhen(handle, ({ state }) => state === 'linked');
    });

    it('leaves nothing to an answer that was under way', async () => {
      const { handle, userId, itemId, accountId } = await linked();
      const fetch = hold(world, 'employer result', 'after');
      await webhook(handle, EMPLOYER);
      await fetch.arrived(userId);
      await world.plaid.revokeAccount(itemId, accountId);
      await handle.signal(SIGNALS.plaidWebhook, {
        kind: 'account_revoked',
        accountId,
        itemId,
        bodySha256: randomBytes(32).toString('hex'),
      });
      await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'pending');
      fetch.release();
      await world.atomic.ledger.waitFor(
        () => world.atomic.ledger.requests('GET employer-matches', userId).at(-1)?.outcome === 'answered',
      );
      await world.pass('1s');
      expect(await getJob(handle, EMPLOYER)).toMatchObject({ state: 'pending', run: 2 });
      expect(await getJob(handle, EMPLOYER)).not.toHaveProperty('result');
    });

    it('of another number is not ours', async () => {
      const { handle, itemId } = await linked();
      await handle.signal(SIGNALS.plaidWebhook, {
        kind: 'account_revoked',
        accountId: 'another-account',
        itemId,
        bodySha256: randomBytes(32).toString('hex'),
      });
      await world.pass('1m');
      expect(await getLink(handle)).toMatchObject({ state: 'linked' });
    });
  });

  it('keeps the answer of an earlier run from settling the run that was asked for meanwhile', async () => {
    const { handle, userId } = await linked();
    const fetch = hold(world, 'employer result', 'after');
    const registration = hold(world, 'register');
    await webhook(handle, EMPLOYER);
    await fetch.arrived(userId);
    await handle.executeUpdate(UPDATES.runJob, { args: [{ job: EMPLOYER }] });
    fetch.release();
    await registration.arrived(userId);
    expect((await getLink(handle)).jobs[EMPLOYER]).toEqual({ state: 'pending' });
    registration.release();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
  });
});
