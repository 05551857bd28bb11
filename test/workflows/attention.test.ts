import { randomBytes } from 'node:crypto';
import { ApplicationFailure, WorkflowUpdateFailedError } from '@temporalio/client';
import { SIGNALS, UPDATES } from '../../src/contract/names';
import type { LinkView } from '../../src/contract/schemas';
import { rejectionOf } from '../support/error-text';
import {
  askForLinkToken,
  EMPLOYER,
  getLink,
  type Handle,
  plaidWebhook,
  viewWhen,
  webhook,
} from '../support/link-calls';
import { useWorld } from '../support/world';
import { cancelled, endingOf, expectFailed, expectUnlinked } from './support/ending';

const world = useWorld({ skipsTime: true, settings: { runMaxAgeMs: 31 * 24 * 3_600_000 } });

describe('a link and its user', () => {
  // A run that ends every 30 days would end when the 90 days do: see tiedTimers.

  const looks = (userId: string) => world.plaid.ledger.requests('/item/get', userId).length;
  const isWaiting = ({ state }: LinkView) => state === 'waiting';
  const needsUser = ({ state }: LinkView) => state === 'needs_attention';

  async function linked(options: Parameters<typeof world.start>[0] = {}) {
    const started = await world.start(options);
    await viewWhen(started.handle, isWaiting);
    await webhook(started.handle, EMPLOYER);
    await viewWhen(started.handle, ({ state }) => state === 'linked');
    return started;
  }

  async function inAttention() {
    const started = await linked();
    await world.plaid.requireLogin(started.itemId, { webhook: false });
    await plaidWebhook(started.handle, { kind: 'sign_in_required', itemId: started.itemId });
    await viewWhen(started.handle, needsUser);
    return started;
  }

  const confirm = (handle: Handle) => handle.executeUpdate<LinkView, []>(UPDATES.confirmRepair);
  const choose = (handle: Handle, accountId: string) =>
    handle.executeUpdate<LinkView, [{ accountId: string }]>(UPDATES.chooseAccount, { args: [{ accountId }] });

  async function refusalOf(update: Promise<unknown>): Promise<string | null | undefined> {
    const error = await rejectionOf(update);
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    return error.cause instanceof ApplicationFailure ? error.cause.type : undefined;
  }

  describe("Plaid's webhooks are hints", () => {
    it('looks at the Item before a late ITEM/ERROR changes a healthy link, once for all copies', async () => {
      const { handle, userId, itemId } = await linked();
      const before = looks(userId);
      const bodySha256 = randomBytes(32).toString('hex');
      for (let copy = 0; copy < 100; copy += 1) {
        await handle.signal(SIGNALS.plaidWebhook, { kind: 'sign_in_required', itemId, bodySha256 });
      }
      await world.viewLater(handle, () => looks(userId) > before);
      await world.pass('1m');
      expect(await getLink(handle)).toMatchObject({ state: 'linked' });
      expect(looks(userId) - before).toBe(1);
    });

    it('counts the same body again once a repair is confirmed', async () => {
      const { handle, itemId } = await linked();
      const bodySha256 = randomBytes(32).toString('hex');
      for (let fault = 0; fault < 2; fault += 1) {
        await world.plaid.requireLogin(itemId, { webhook: false });
        await handle.signal(SIGNALS.plaidWebhook, { kind: 'sign_in_required', itemId, bodySha256 });
        await viewWhen(handle, needsUser);
        await world.plaid.repair(itemId, { webhook: false });
        expect(await confirm(handle)).toMatchObject({ state: 'linked' });
      }
    });

    it('does not bring a warning back that a repair has settled', async () => {
      const { handle, itemId } = await linked();
      const until = '2030-01-01T00:00:00.000Z';
      const warn = () => plaidWebhook(handle, { kind: 'pending_disconnect', itemId, until });
      await warn();
      await viewWhen(handle, ({ warning }) => warning?.until === until);
      expect(await confirm(handle)).not.toHaveProperty('warning');
      await warn();
      await world.pass('1m');
      expect(await getLink(handle)).not.toHaveProperty('warning');
      await plaidWebhook(handle, { kind: 'pending_disconnect', itemId, until: '2031-01-01T00:00:00.000Z' });
      await viewWhen(handle, ({ warning }) => warning?.until === '2031-01-01T00:00:00.000Z');
    });

    it('looks again at any webhook of the Item while the link waits for its user', async () => {
      const { handle, itemId } = await inAttention();
      await world.plaid.repair(itemId, { webhook: false });
      await plaidWebhook(handle, { kind: 'item_heard_of', itemId });
      await viewWhen(handle, ({ state }) => state === 'linked');
    });
  });

  describe('a link that waits for its user', () => {
    it('finds by itself that the sign-in is repaired, after 15 minutes', async () => {
      const { handle, userId, itemId } = await inAttention();
      const before = looks(userId);
      await world.plaid.repair(itemId, { webhook: false });
      await world.pass('14m');
      expect(looks(userId)).toBe(before);
      await world.pass('2m');
      await viewWhen(handle, ({ state }) => state === 'linked');
      await expectUnlinked(world, handle, await cancelled(world, handle));
    });

    it('looks at growing intervals, up to a day', async () => {
      const { userId } = await inAttention();
      const before = looks(userId);
      await world.pass('4h');
      // After 15, 45, 105 and 225 minutes.
      expect(looks(userId) - before).toBe(4);
      await world.pass('10d');
      const daily = looks(userId) - before;
      expect(daily).toBeGreaterThanOrEqual(14);
      expect(daily).toBeLessThanOrEqual(18);
    });

    it('looks at once when a job is asked for, and runs it', async () => {
      const { handle, itemId } = await inAttention();
      await world.plaid.repair(itemId, { webhook: false });
      await handle.executeUpdate(UPDATES.runJob, { args: [{ job: EMPLOYER }] });
      await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    });

    it('is given up after 90 days, with cleanup', async () => {
      const { handle } = await inAttention();
      await world.pass('89d');
      expect(await getLink(handle)).toMatchObject({ state: 'needs_attention' });
      await expectFailed(world, handle, await endingOf(world, handle), 'sign_in_required');
    });

    it.each([true, false])(
      'ends when the Item is gone, by a repair token (%s) or a confirmation',
      async (byToken) => {
        const { handle, itemId } = await inAttention();
        await world.plaid.revokePermission(itemId);
        const update = byToken ? askForLinkToken(handle) : confirm(handle);
        expect(await refusalOf(update)).toBe(byToken ? 'access_revoked' : 'not_linked');
        await expectFailed(world, handle, await endingOf(world, handle), 'access_revoked');
      },
    );

    it('asks for the consent that is lacking', async () => {
      const { plaid } = world;
      const kind = { plaidError: 'ADDITIONAL_CONSENT_REQUIRED' };
      plaid.faults.add({ operation: '/processor/token/create', kind });
      const { handle, userId, itemId } = await world.start();
      await viewWhen(handle, needsUser);
      plaid.withdrawConsent(itemId);
      expect(await refusalOf(confirm(handle))).toBe('still_needs_attention');
      await askForLinkToken(handle, { language: 'es' });
      const [token] = plaid.ledger.effects('link_token_created', userId);
      expect(token?.details).toMatchObject({ mode: 'update', consents: 'transactions', language: 'es' });
      await plaid.repair(itemId, { webhook: false });
      await confirm(handle);
      await viewWhen(handle, isWaiting);
    });
  });

  describe('an account that is unclear', () => {
    const TWO = [
      { type: 'depository', subtype: 'checking', mask: '0000', name: 'Checking' },
      { type: 'depository', subtype: 'savings', mask: '1111', name: 'Savings' },
      { type: 'credit', subtype: 'credit card', mask: '2222', name: 'Card' },
    ] as const;

    it.each([
      ['account_required', undefined],
      ['account_not_found', 'another-account'],
    ])('is the choice of the user: %s', async (code, accountId) => {
      const { handle, userId } = await world.start({
        accounts: TWO,
        ...(accountId !== undefined && { accountId }),
      });
      const view = await viewWhen(handle, needsUser);
      expect(view.error).toMatchObject({ code, action: 'choose_account' });
      expect(view.choices).toEqual([
        { accountId: expect.any(String), name: 'Checking', mask: '0000', subtype: 'checking' },
        { accountId: expect.any(String), name: 'Savings', mask: '1111', subtype: 'savings' },
      ]);
      expect(await refusalOf(choose(handle, 'none-of-them'))).toBe('account_not_found');
      expect(await refusalOf(confirm(handle))).toBe('still_needs_attention');

      const chosen = view.choices?.[1]?.accountId ?? '';
      expect(await choose(handle, chosen)).not.toHaveProperty('choices');
      const waiting = await viewWhen(handle, isWaiting);
      expect(waiting).toMatchObject({ accountId: chosen });
      expect(waiting).not.toHaveProperty('error');
      expect(world.atomic.links(userId)).toHaveLength(1);
      expect(await refusalOf(choose(handle, chosen))).toBe('not_needed');
      await expectUnlinked(world, handle, await cancelled(world, handle));
    });

    it('asks again where two accounts are alike under new ids, and registers the one that is chosen', async () => {
      const { plaid, atomic } = world;
      const { handle, userId, itemId, accountId } = await linked();
      plaid.addAccount(itemId, { type: 'depository', subtype: 'checking', mask: '0000', name: 'Twin' });
      plaid.changeAccountId(itemId, accountId);
      await plaid.requireLogin(itemId, { webhook: false });
      await plaidWebhook(handle, { kind: 'sign_in_required', itemId });
      await viewWhen(handle, needsUser);
      await plaid.repair(itemId, { webhook: false });
      expect(await refusalOf(confirm(handle))).toBe('still_needs_attention');
      const view = await getLink(handle);
      expect(view).toMatchObject({ error: { code: 'account_not_found', action: 'choose_account' } });
      const twin = view.choices?.find(({ name }) => name === 'Twin')?.accountId ?? '';
      await choose(handle, twin);
      await viewWhen(handle, isWaiting);
      expect((await getLink(handle)).accountId).toBe(twin);
      expect(atomic.ledger.effects('registration_stored', userId)).toHaveLength(2);
      await expectUnlinked(world, handle, await cancelled(world, handle));
    });

    it('never registers an account with another persistent id, though mask and subtype are the same', async () => {
      const { plaid, atomic } = world;
      const account = { type: 'depository', subtype: 'checking', mask: '0000' } as const;
      const { handle, userId, itemId, accountId } = await linked({
        accounts: [{ ...account, persistentAccountId: 'mine' }],
      });
      await plaid.requireLogin(itemId, { webhook: false });
      await plaidWebhook(handle, { kind: 'sign_in_required', itemId });
      await viewWhen(handle, needsUser);
      plaid.addAccount(itemId, { ...account, persistentAccountId: 'another' });
      await plaid.revokeAccount(itemId, accountId);
      await plaid.repair(itemId, { webhook: false });
      expect(await refusalOf(confirm(handle))).toBe('still_needs_attention');
      expect(await getLink(handle)).toMatchObject({ error: { code: 'account_not_found' } });
      expect(atomic.ledger.effects('registration_stored', userId)).toHaveLength(1);
    });

    it('is found once the user has shared one in update mode, where there was none to choose', async () => {
      const { handle, itemId } = await world.start({ accounts: [{ type: 'credit', mask: '9999' }] });
      const view = await viewWhen(handle, needsUser);
      expect(view).toMatchObject({
        error: { code: 'account_required', action: 'choose_account' },
        choices: [],
      });
      expect(await askForLinkToken(handle)).toMatchObject({ expiration: expect.any(String) });

      const accountId = world.plaid.addAccount(itemId, { type: 'depository' });
      await confirm(handle);
      const waiting = await viewWhen(handle, isWaiting);
      expect(waiting).toMatchObject({ accountId });
      expect(waiting).not.toHaveProperty('choices');
      await expectUnlinked(world, handle, await cancelled(world, handle));
    });

    it('is no choice once the link is being removed', async () => {
      const { handle } = await world.start({ accounts: TWO });
      await viewWhen(handle, needsUser);
      const ending = await cancelled(world, handle);
      expect(ending.view).not.toHaveProperty('choices');
      await expectUnlinked(world, handle, ending);
    });
  });
});
