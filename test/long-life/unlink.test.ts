import { UPDATES } from '../../src/contract/names';
import { EMPLOYER, type Handle, outcome, RECURRING, viewWhen, webhook } from '../support/link-calls';
import { until } from '../support/until';
import { useWorld } from '../support/world';

const world = useWorld();

/** What the time-skipping server does otherwise: there, a cancelled activity says nothing of its own. */
describe('on a real server, an unlink', () => {
  it.each([
    ['processor token', '/processor/token/create'],
    ['registration', 'POST /plaid/processor-link'],
    ['result', 'GET employer-matches'],
  ])('ends a link whose %s waits for its next attempt', async (_, operation) => {
    const { plaid, atomic } = world;
    const provider = operation.startsWith('/') ? plaid : atomic;
    const faults = [
      { times: 1, kind: { status: 500 } },
      { times: 'always', kind: { status: 503, headers: { 'retry-after': '60' } } },
    ] as const;
    for (const fault of faults) provider.faults.add({ operation, ...fault });
    const { handle, userId } = await world.start();
    if (operation.startsWith('GET')) {
      await viewWhen(handle, ({ state }) => state === 'waiting');
      await webhook(handle, EMPLOYER);
    }
    await nextAttemptIsDue(handle);
    await handle.cancel();
    expect(await outcome(handle)).toMatchObject({ status: 'CANCELLED', view: { state: 'unlinked' } });
    expect(plaid.nothingLeft(userId)).toBe(true);
    expect(atomic.nothingLeft(userId)).toBe(true);
  });
});

it('registers a job that is asked for while the result of its last run cannot be read', async () => {
  const { atomic } = world;
  const { handle, userId } = await world.start({ jobs: [EMPLOYER, RECURRING] });
  await viewWhen(handle, ({ state }) => state === 'waiting');
  await webhook(handle, EMPLOYER);
  await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed');
  const fault = atomic.faults.add({
    operation: 'GET employer-matches',
    userId,
    times: 'always',
    kind: { status: 503, headers: { 'retry-after': '60' } },
  });
  await webhook(handle, EMPLOYER);
  await atomic.ledger.waitFor(() => fault.hits > 0);
  await handle.executeUpdate(UPDATES.runJob, { args: [{ job: EMPLOYER }] });
  await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
  atomic.faults.clear();
  await webhook(handle, EMPLOYER);
  await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed');
  await handle.cancel();
  expect(await outcome(handle)).toMatchObject({ status: 'CANCELLED' });
});

/** An activity has failed, and stands in Temporal until its next attempt. */
async function nextAttemptIsDue(handle: Handle): Promise<void> {
  await until(async () => {
    const [activity] = (await handle.describe()).raw.pendingActivities ?? [];
    if (!activity?.lastFailure) return false;
    return (activity.scheduledTime && !activity.lastStartedTime) || (activity.attempt ?? 0) > 1;
  });
}
