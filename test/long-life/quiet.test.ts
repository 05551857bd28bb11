import { EMPLOYER, type Handle, RECURRING, viewWhen, webhook } from '../support/link-calls';
import { useWorld } from '../support/world';

const world = useWorld({ skipsTime: true, settings: { runMaxAgeMs: 365 * 24 * 3_600_000 } });

describe('a link left alone for a month', () => {
  // A new run begins with an empty history.

  async function eventsOf(handle: Handle): Promise<number> {
    return (await handle.fetchHistory()).events?.length ?? 0;
  }

  it('adds nothing to its history once its jobs are done', async () => {
    const { handle, userId } = await world.start({ jobs: [EMPLOYER, RECURRING] });
    await viewWhen(handle, ({ state }) => state === 'waiting');
    await webhook(handle, EMPLOYER);
    await webhook(handle, RECURRING);
    await viewWhen(handle, ({ state }) => state === 'linked');
    const events = await eventsOf(handle);
    const calls = world.calls.of(userId).length;
    await world.pass('31d');
    expect(await eventsOf(handle)).toBe(events);
    expect(world.calls.of(userId)).toHaveLength(calls);
  });

  it('asks for a result that never comes for 7 days, and adds nothing after that', async () => {
    world.atomic.settings.jobDelayMs = 'manual';
    try {
      const { handle, userId } = await world.start();
      await viewWhen(handle, ({ state }) => state === 'waiting');
      await world.pass('8d');
      const failed = await viewWhen(handle, ({ state }) => state === 'linked');
      expect(failed.jobs[EMPLOYER]).toMatchObject({ state: 'failed', error: { code: 'result_timeout' } });
      const events = await eventsOf(handle);
      const polls = world.calls.count(userId, 'employer result');
      // A day apart at the end: 15 min, doubling to a day, until the 7 days are over.
      expect(polls).toBe(13);
      await world.pass('22d');
      expect(await eventsOf(handle)).toBe(events);
      expect(world.calls.count(userId, 'employer result')).toBe(polls);
      // Each poll is a timer and an activity, with the tasks around them.
      console.info(`${polls} polls in 30 days: ${events} events`);
      expect(events).toBeLessThan(50 + polls * 13);
    } finally {
      world.atomic.settings.jobDelayMs = 0;
    }
  });

  it('needs few events while it waits for its user', async () => {
    const { handle, itemId } = await world.start();
    await viewWhen(handle, ({ state }) => state === 'waiting');
    await webhook(handle, EMPLOYER);
    await viewWhen(handle, ({ state }) => state === 'linked');
    await world.plaid.requireLogin(itemId, { webhook: false });
    await handle.signal('plaidWebhook', { kind: 'sign_in_required', itemId, bodySha256: 'a'.repeat(64) });
    await viewWhen(handle, ({ state }) => state === 'needs_attention');
    const events = await eventsOf(handle);
    await world.pass('31d');
    // A look a day, at the end.
    expect((await eventsOf(handle)) - events).toBeLessThan(40 * 12);
  });
});
