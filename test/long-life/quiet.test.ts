import { EMPLOYER, type Handle, RECURRING, viewWhen, webhook } from '../support/link-world';
import { useLinkWorld, useTimeSkippingServer } from '../workflows/support/use-link-world';

const server = useTimeSkippingServer();

describe('a link left alone for a month', () => {
  // A new run begins with an empty history.
  const scene = useLinkWorld(server, { settings: { runMaxAgeMs: 365 * 24 * 3_600_000 } });

  async function eventsOf(handle: Handle): Promise<number> {
    return (await handle.fetchHistory()).events?.length ?? 0;
  }

  it('adds nothing to its history once its jobs are done', async () => {
    const { handle, userId } = await scene.start({ jobs: [EMPLOYER, RECURRING] });
    await viewWhen(handle, ({ state }) => state === 'waiting');
    await webhook(handle, EMPLOYER);
    await webhook(handle, RECURRING);
    await viewWhen(handle, ({ state }) => state === 'linked');
    const events = await eventsOf(handle);
    const calls = scene.calls.of(userId).length;
    await scene.pass('31d');
    expect(await eventsOf(handle)).toBe(events);
    expect(scene.calls.of(userId)).toHaveLength(calls);
  });

  it('asks for a result that never comes for 7 days, and adds nothing after that', async () => {
    scene.world.atomic.settings.jobDelayMs = 'manual';
    try {
      const { handle, userId } = await scene.start();
      await viewWhen(handle, ({ state }) => state === 'waiting');
      await scene.pass('8d');
      const failed = await viewWhen(handle, ({ state }) => state === 'linked');
      expect(failed.jobs[EMPLOYER]).toMatchObject({ state: 'failed', error: { code: 'result_timeout' } });
      const events = await eventsOf(handle);
      const polls = scene.calls.count(userId, 'employer result');
      // A day apart at the end: 15 min, doubling to a day, until the 7 days are over.
      expect(polls).toBe(13);
      await scene.pass('22d');
      expect(await eventsOf(handle)).toBe(events);
      expect(scene.calls.count(userId, 'employer result')).toBe(polls);
      // Each poll is a timer and an activity, with the tasks around them.
      console.info(`${polls} polls in 30 days: ${events} events`);
      expect(events).toBeLessThan(50 + polls * 13);
    } finally {
      scene.world.atomic.settings.jobDelayMs = 0;
    }
  });

  it('needs few events while it waits for its user', async () => {
    const { handle, itemId } = await scene.start();
    await viewWhen(handle, ({ state }) => state === 'waiting');
    await webhook(handle, EMPLOYER);
    await viewWhen(handle, ({ state }) => state === 'linked');
    await scene.world.plaid.requireLogin(itemId, { webhook: false });
    await handle.signal('plaidWebhook', { kind: 'sign_in_required', itemId, bodySha256: 'a'.repeat(64) });
    await viewWhen(handle, ({ state }) => state === 'needs_attention');
    const events = await eventsOf(handle);
    await scene.pass('31d');
    // A look a day, at the end.
    expect((await eventsOf(handle)) - events).toBeLessThan(40 * 12);
  });
});
