import { askForLinkToken, EMPLOYER, plaidWebhook, RECURRING, viewWhen, webhook } from '../support/link-calls';
import { useWorld } from '../support/world';
import { endingOf, expectUnlinked } from './support/ending';
import { hold } from './support/holding';

// The time-skipping server mistakes a cancel that comes during an attempt at a step.
const world = useWorld({ providerTimeoutMs: 15_000 });

const SETTLED_AND_UNDONE = [
  'register begins',
  'register ends',
  'delete begins',
  'delete ends',
  'remove item begins',
  'remove item ends',
];

describe('settling', () => {
  it.each(['before', 'after'] as const)(
    'lets an exchange under way settle, and then removes its Item (held %s its effect)',
    async (when) => {
      const held = hold(world, 'exchange', when);
      const { handle, userId, itemId } = await world.start();
      await held.arrived(userId);
      await handle.cancel();
      await viewWhen(handle, ({ state }) => state === 'unlinking');
      held.release();
      await expectUnlinked(world, handle, await endingOf(world, handle));
      expect(world.calls.timeline(userId)).toEqual([
        'exchange begins',
        'exchange ends',
        'remove item begins',
        'remove item ends',
      ]);
      const [removed] = world.plaid.ledger.effects('item_removed', userId);
      expect(removed?.details.itemId).toBe(itemId);
    },
  );

  it.each(['before', 'after'] as const)(
    'sends the DELETE once a registration under way has settled (held %s its effect)',
    async (when) => {
      const held = hold(world, 'register', when);
      const { handle, userId } = await world.start();
      await held.arrived(userId);
      await handle.cancel();
      await viewWhen(handle, ({ state }) => state === 'unlinking');
      expect(world.calls.count(userId, 'delete')).toBe(0);
      held.release();
      await expectUnlinked(world, handle, await endingOf(world, handle));
      expect(world.calls.timeline(userId).slice(-6)).toEqual(SETTLED_AND_UNDONE);
      expect(world.atomic.ledger.effects('registration_removed', userId)).toHaveLength(1);
    },
  );

  it('waits for both registrations, whichever settles first', async () => {
    const first = hold(world, 'register', 'after');
    const { handle, userId } = await world.start({ jobs: [EMPLOYER, RECURRING] });
    await first.arrived(userId);
    await viewWhen(handle, ({ jobs }) => Object.values(jobs).some(({ state }) => state === 'registered'));
    await handle.cancel();
    await viewWhen(handle, ({ state }) => state === 'unlinking');
    expect(world.calls.count(userId, 'delete')).toBe(0);
    first.release();
    await expectUnlinked(world, handle, await endingOf(world, handle));
    const [removed] = world.atomic.ledger.effects('registration_removed', userId);
    expect(String(removed?.details.jobs).split(',').toSorted()).toEqual([EMPLOYER, RECURRING]);
  });

  it('withdraws an account once its registration under way has settled', async () => {
    const held = hold(world, 'register', 'after');
    const { handle, userId, itemId, accountId } = await world.start();
    await held.arrived(userId);
    await plaidWebhook(handle, { kind: 'account_revoked', itemId, accountId });
    await viewWhen(handle, ({ state }) => state === 'needs_attention');
    held.release();
    await world.atomic.ledger.waitForEffect('registration_removed', { userId });
    const timeline = world.calls.timeline(userId);
    expect(timeline).toContain('register ends');
    expect(timeline.indexOf('register ends')).toBeLessThan(timeline.indexOf('delete begins'));
  });

  it('keeps no result that comes in after the unlink has forgotten them', async () => {
    const { plaid } = world;
    const { handle, userId, itemId } = await world.start();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    const result = hold(world, 'employer result');
    await webhook(handle, EMPLOYER);
    await result.arrived(userId);
    // An update that is not finished keeps the run open beyond its cleanup.
    await plaid.requireLogin(itemId, { webhook: false });
    await plaidWebhook(handle, { kind: 'sign_in_required', itemId });
    await viewWhen(handle, ({ state }) => state === 'needs_attention');
    const linkToken = hold(world, 'link token', 'after');
    const update = askForLinkToken(handle);
    await linkToken.arrived(userId);
    await handle.cancel();
    await plaid.ledger.waitForEffect('item_removed', { userId });
    result.release();
    await viewWhen(handle, ({ state }) => state === 'unlinked');
    linkToken.release();
    await update;
    await expectUnlinked(world, handle, await endingOf(world, handle));
  });
});
