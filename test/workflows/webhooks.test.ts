import { UPDATES } from '../../src/contract/names';
import { EMPLOYER, getJob, getLink, type Handle, RECURRING, viewWhen, webhook } from '../support/link-calls';
import { useWorld } from '../support/world';
import { cancelled, endingOf, expectUnlinked } from './support/ending';

const world = useWorld({ skipsTime: true });
const REGISTER = 'POST /plaid/processor-link';
const DELETE = 'DELETE /plaid/processor-link';

const linked = (handle: Handle) => viewWhen(handle, (view) => view.state === 'linked');
const registered = (handle: Handle) =>
  viewWhen(handle, (view) => view.jobs[EMPLOYER]?.state === 'registered');

describe('webhooks', () => {
  beforeEach(() => {
    Object.assign(world.atomic.settings, { jobDelayMs: 0, beforeResult: '404' });
  });

  it('takes a webhook that comes before its registration has returned', async () => {
    const { atomic } = world;
    atomic.faults.add({ operation: REGISTER, when: 'after', kind: { hold: 'answer' } });
    const { handle, userId } = await world.start();
    await atomic.ledger.waitForEffect('job_finished', { userId });
    await webhook(handle, EMPLOYER);
    atomic.faults.release('answer');
    expect((await linked(handle)).jobs[EMPLOYER]).toMatchObject({ state: 'completed', via: 'webhook' });
    expect(world.calls.counts(userId)).toMatchObject({ register: 1, 'employer result': 1 });
  });

  it('fetches once for a webhook that comes twice', async () => {
    const { handle, userId } = await world.start();
    await registered(handle);
    const bodySha256 = 'a'.repeat(64);
    await webhook(handle, EMPLOYER, bodySha256);
    await linked(handle);
    await webhook(handle, EMPLOYER, bodySha256);
    // Another body after it is fetched for, so the second delivery has been seen by then.
    const before = await completedAt(handle);
    await webhook(handle, EMPLOYER, 'b'.repeat(64));
    await viewWhen(handle, (view) => view.jobs[EMPLOYER]?.completedAt !== before);
    expect(world.calls.count(userId, 'employer result')).toBe(2);
  });

  it('fetches once for two deliveries that come before the registration has returned', async () => {
    const { atomic } = world;
    atomic.faults.add({ operation: REGISTER, when: 'after', kind: { hold: 'answer' } });
    const { handle, userId } = await world.start();
    await atomic.ledger.waitForEffect('job_finished', { userId });
    await webhook(handle, EMPLOYER, 'c'.repeat(64));
    await webhook(handle, EMPLOYER, 'c'.repeat(64));
    atomic.faults.release('answer');
    await linked(handle);
    expect(world.calls.count(userId, 'employer result')).toBe(1);
  });

  it('drops and logs a webhook for a job that was not asked for', async () => {
    const { handle, userId } = await world.start();
    await registered(handle);
    await webhook(handle, RECURRING);
    await webhook(handle, EMPLOYER);
    const view = await linked(handle);
    expect(Object.keys(view.jobs)).toEqual([EMPLOYER]);
    expect(world.calls.count(userId, 'recurring result')).toBe(0);
    const dropped = () =>
      world.logs.filter(
        ({ message, meta }) =>
          message.includes('not requested') &&
          meta?.job === RECURRING &&
          meta.workflowId === handle.workflowId,
      );
    // The SDK hands its log on some time later.
    while (dropped().length === 0) await getLink(handle);
    expect(dropped()).toHaveLength(1);
  });

  it('does not take an old webhook for the result of a job that is asked for later', async () => {
    world.atomic.settings.jobDelayMs = 'manual';
    const { handle, userId } = await world.start();
    await registered(handle);
    await webhook(handle, RECURRING);
    await handle.executeUpdate(UPDATES.runJob, { args: [{ job: RECURRING }] });
    await viewWhen(handle, (view) => view.jobs[RECURRING]?.state === 'registered');
    expect(world.calls.count(userId, 'recurring result')).toBe(0);
  });

  it('refreshes the result when another webhook comes after completion', async () => {
    const { handle, userId } = await world.start();
    await registered(handle);
    await webhook(handle, EMPLOYER);
    await linked(handle);
    world.atomic.setResult(EMPLOYER, userId, [{ company: { name: 'Harbour Foods' } }]);
    const before = await completedAt(handle);
    await webhook(handle, EMPLOYER);
    const view = await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.completedAt !== before);
    expect(view.state).toBe('linked');
    expect((await getJob(handle, EMPLOYER))?.result).toEqual([{ company: { name: 'Harbour Foods' } }]);
    expect(world.calls.counts(userId)).toMatchObject({ register: 1, 'employer result': 2 });
  });

  it('completes by webhook with an empty list', async () => {
    const { handle, userId } = await world.start();
    world.atomic.setResult(EMPLOYER, userId, []);
    await registered(handle);
    await webhook(handle, EMPLOYER);
    expect((await linked(handle)).jobs[EMPLOYER]).toMatchObject({ state: 'completed', via: 'webhook' });
    expect(await getJob(handle, EMPLOYER)).toMatchObject({ result: [] });
  });

  it('asks a few times for a result that is not there yet, then leaves it to the poll', async () => {
    world.atomic.settings.jobDelayMs = 'manual';
    const { handle, userId } = await world.start();
    await registered(handle);
    await webhook(handle, EMPLOYER);
    const tries = 5;
    await world.viewLater(
      handle,
      (view) =>
        view.jobs[EMPLOYER]?.state === 'registered' && world.calls.count(userId, 'employer result') === tries,
    );
    await world.atomic.completeJob(userId, EMPLOYER);
    await world.pass('15m');
    expect((await getLink(handle)).jobs[EMPLOYER]).toMatchObject({ state: 'completed', via: 'poll' });
    expect(world.calls.count(userId, 'employer result')).toBe(tries + 1);
  });

  it('finds a result that is there at the second try after the webhook', async () => {
    const { atomic } = world;
    const { handle, userId } = await world.start();
    await registered(handle);
    atomic.faults.add({ operation: 'GET employer-matches', kind: { status: 404 } });
    await webhook(handle, EMPLOYER);
    const view = await world.viewLater(handle, ({ state }) => state === 'linked', '1s');
    expect(view.jobs[EMPLOYER]).toMatchObject({ state: 'completed', via: 'webhook' });
    expect(world.calls.count(userId, 'employer result')).toBe(2);
  });

  it('does nothing on a webhook whilst unlinking', async () => {
    const { atomic } = world;
    const { handle, userId } = await world.start();
    await registered(handle);
    // The second attempt is an activity on both paths, beside which signals are handled.
    atomic.faults.add({ operation: DELETE, kind: { status: 500 } });
    atomic.faults.add({ operation: DELETE, kind: { hold: 'removal' } });
    await handle.cancel();
    await atomic.ledger.waitFor(() => world.calls.count(userId, 'delete') === 2);
    await webhook(handle, EMPLOYER);
    expect((await getLink(handle)).state).toBe('unlinking');
    atomic.faults.release('removal');
    await expectUnlinked(world, handle, await endingOf(world, handle));
    expect(world.calls.count(userId, 'employer result')).toBe(0);
  });

  it('leaves nothing of a result that was read to whoever asks after the unlink', async () => {
    const { handle } = await world.start();
    await registered(handle);
    await webhook(handle, EMPLOYER);
    await linked(handle);
    const ending = await cancelled(world, handle);
    await expectUnlinked(world, handle, ending);
    expect(ending.view.jobs[EMPLOYER]).toMatchObject({ state: 'completed', via: 'webhook' });
  });
});

async function completedAt(handle: Handle): Promise<string | undefined> {
  return (await getLink(handle)).jobs[EMPLOYER]?.completedAt;
}
