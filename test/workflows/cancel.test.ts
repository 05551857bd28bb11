import { getLink, type Handle, viewWhen } from '../support/link-calls';
import { DEFAULT_SETTINGS, useWorld } from '../support/world';
import { CANCEL_CASES, type CancelCase } from './cancel-cases';
import { endingOf, expectFailed, expectNothingLeft, expectUnlinked } from './support/ending';
import { hold } from './support/holding';

// A run may close here while a step of it is still under way, which the time-skipping server does not survive.
const world = useWorld({ providerTimeoutMs: 15_000 });
const CASES: [string, CancelCase][] = Object.entries(CANCEL_CASES);

describe('a cancel unlinks', () => {
  const handles: Handle[] = [];

  it.each(CASES)('%s', async (_, { settings, arrive }) => {
    Object.assign(world.settings, DEFAULT_SETTINGS, settings);
    const { started, release, pending, calls } = await arrive(world);
    const { handle, userId } = started;
    handles.push(handle);
    const over = Promise.allSettled([pending]);
    await handle.cancel();
    await viewWhen(handle, ({ state }) => state === 'unlinking' || state === 'unlinked');
    release?.();
    await expectUnlinked(world, handle, await endingOf(world, handle));
    await over;
    expect(world.calls.of(userId)).toEqual(calls ?? expect.anything());
  });

  it('but not one that is failing for good, which ends as failed, with nothing left', async () => {
    Object.assign(world.settings, DEFAULT_SETTINGS);
    const held = hold(world, 'remove item');
    world.plaid.faults.add({
      operation: '/accounts/get',
      kind: { plaidError: 'PRODUCTS_NOT_SUPPORTED' },
    });
    const { handle, userId } = await world.start();
    await held.arrived(userId);
    await handle.cancel();
    await viewWhen(handle, ({ state }) => state === 'unlinking');
    held.release();
    await expectFailed(world, handle, await endingOf(world, handle), 'bank_not_supported');
  });

  it('in a way that replays, with nothing left once what was under way has ended, too', async () => {
    // The worker ends when its last step has; the next one knows a run by its history alone.
    await world.restartWorker();
    const views = await Promise.all(handles.map(getLink));
    expect(views.map(({ state }) => state)).toEqual(handles.map(() => 'unlinked'));
    for (const { userId } of views) expectNothingLeft(world, userId);
  });
});
