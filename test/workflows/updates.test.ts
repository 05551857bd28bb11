import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { UPDATES } from '../../src/contract/names';
import type { LinkView } from '../../src/contract/schemas';
import type { WaitForJobAnswer } from '../../src/contract/workflow';
import { EMPLOYER, getJob, getLink, type Handle, RECURRING, viewWhen, webhook } from '../support/link-calls';
import { useWorld } from '../support/world';
import { cancelled, endingOf, expectUnlinked } from './support/ending';
import { addFault, hold } from './support/holding';

const world = useWorld();

const runJob = (handle: Handle, job: string) =>
  handle.executeUpdate<LinkView, [unknown]>(UPDATES.runJob, { args: [{ job }] });
const waitForJob = (handle: Handle, job: string) =>
  handle.executeUpdate<WaitForJobAnswer, [unknown]>(UPDATES.waitForJob, { args: [{ job }] });

/** The code that an update is refused with. */
async function refusalOf(update: Promise<unknown>): Promise<string | null | undefined> {
  const error = await update.then(
    () => {
      throw new Error('The update was not refused.');
    },
    (reason: unknown) => reason,
  );
  if (!(error instanceof WorkflowUpdateFailedError)) throw error;
  return error.cause instanceof ApplicationFailure ? error.cause.type : undefined;
}

describe('updates', () => {
  async function linked(jobs = [EMPLOYER]) {
    const started = await world.start({ jobs });
    await viewWhen(started.handle, (view) => jobs.every((job) => view.jobs[job]?.state === 'registered'));
    for (const job of jobs) await webhook(started.handle, job);
    await viewWhen(started.handle, ({ state }) => state === 'linked');
    return started;
  }

  it('runs a further job, and shows at once that it is pending', async () => {
    const { handle, userId } = await linked();
    expect(await runJob(handle, RECURRING)).toMatchObject({
      state: 'waiting',
      jobs: { [EMPLOYER]: { state: 'completed' }, [RECURRING]: { state: 'pending' } },
    });
    await viewWhen(handle, ({ jobs }) => jobs[RECURRING]?.state === 'registered');
    await webhook(handle, RECURRING);
    expect((await viewWhen(handle, ({ state }) => state === 'linked')).jobs[RECURRING]?.state).toBe(
      'completed',
    );
    expect(world.calls.counts(userId)).toMatchObject({ register: 2, 'processor token': 1 });
    await expectUnlinked(world, handle, await cancelled(world, handle));
  });

  it('runs a job again, with the old result to be read until the new one is there', async () => {
    const { handle } = await linked();
    const first = await getJob(handle, EMPLOYER);
    await runJob(handle, EMPLOYER);
    expect(await getJob(handle, EMPLOYER)).toMatchObject({ run: 2, result: first?.result });
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await webhook(handle, EMPLOYER);
    await viewWhen(handle, ({ state }) => state === 'linked');
    const second = await getJob(handle, EMPLOYER);
    expect(second).toMatchObject({ run: 2, state: 'completed' });
    expect(second?.result).not.toEqual(first?.result);
  });

  it('joins a run under way, and never registers twice', async () => {
    const held = hold(world, 'register', 'after');
    const { handle, userId } = await world.start();
    await held.arrived(userId);
    await Promise.all([runJob(handle, EMPLOYER), runJob(handle, EMPLOYER)]);
    held.release();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await runJob(handle, EMPLOYER);
    await webhook(handle, EMPLOYER);
    await viewWhen(handle, ({ state }) => state === 'linked');
    expect(world.atomic.ledger.effects('registration_stored', userId)).toHaveLength(1);
    expect(await getJob(handle, EMPLOYER)).toMatchObject({ run: 1 });
  });

  it('runs a job again that was refused', async () => {
    addFault(world, 'register', { kind: { status: 422 } });
    const { handle } = await world.start({ jobs: [EMPLOYER, RECURRING] });
    const { jobs } = await viewWhen(handle, (view) =>
      [EMPLOYER, RECURRING].every((job) => view.jobs[job]?.state !== 'pending'),
    );
    const refused = jobs[EMPLOYER]?.state === 'failed' ? EMPLOYER : RECURRING;
    await runJob(handle, refused);
    const again = await viewWhen(handle, (view) => view.jobs[refused]?.state === 'registered');
    expect(again.jobs[refused]).not.toHaveProperty('error');
  });

  it('answers everybody who waits for a job once it is settled', async () => {
    const { handle } = await world.start();
    const waits = [waitForJob(handle, EMPLOYER), waitForJob(handle, EMPLOYER)];
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await webhook(handle, EMPLOYER);
    expect(await Promise.all(waits)).toEqual([{ settled: true }, { settled: true }]);
  });

  it('refuses to wait for a job that the link does not have', async () => {
    const { handle } = await linked();
    expect(await refusalOf(waitForJob(handle, RECURRING))).toBe('job_not_found');
  });

  it.each([UPDATES.createRepairLinkToken, UPDATES.confirmRepair])(
    'refuses %s while the link needs no attention',
    async (update) => {
      const { handle, userId } = await linked();
      expect(await refusalOf(handle.executeUpdate(update))).toBe('not_needed');
      expect(world.calls.counts(userId)).not.toHaveProperty(['link token']);
      expect(world.calls.counts(userId)).not.toHaveProperty(['item']);
    },
  );

  it('refuses every update whilst unlinking, and changes nothing', async () => {
    const held = hold(world, 'delete');
    const { handle, userId } = await linked();
    await handle.cancel();
    await held.arrived(userId);
    const before = await getLink(handle);
    expect(await refusalOf(runJob(handle, RECURRING))).toBe('not_linked');
    expect(await refusalOf(runJob(handle, EMPLOYER))).toBe('not_linked');
    expect(await refusalOf(waitForJob(handle, EMPLOYER))).toBe('not_linked');
    expect(await refusalOf(handle.executeUpdate(UPDATES.createRepairLinkToken))).toBe('not_linked');
    expect(await refusalOf(handle.executeUpdate(UPDATES.confirmRepair))).toBe('not_linked');
    expect(await getLink(handle)).toEqual(before);
    held.release();
    await expectUnlinked(world, handle, await endingOf(world, handle));
    expect(world.calls.count(userId, 'register')).toBe(1);
  });

  it('takes no update once the link has ended', async () => {
    const { handle } = await linked();
    await cancelled(world, handle);
    await expect(runJob(handle, EMPLOYER)).rejects.toThrow(WorkflowNotFoundError);
  });
});
