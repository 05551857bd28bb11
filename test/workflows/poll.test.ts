import type { History } from '@temporalio/common/lib/proto-utils';
import { JOBS } from '../../src/contract/jobs';
import { UPDATES } from '../../src/contract/names';
import { nextPollMs } from '../../workflows/poll-schedule';
import { EMPLOYER, getJob, getLink, type Handle, viewWhen, webhook } from '../support/link-calls';
import { useWorld } from '../support/world';
import { cancelled, expectUnlinked } from './support/ending';

const world = useWorld({ skipsTime: true });
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const RESULT = 'GET employer-matches';
/** What a loaded machine may take between a timer and the task that follows it. */
const SLACK_MS = 3_000;

describe('poll', () => {
  beforeEach(() => {
    Object.assign(world.atomic.settings, { jobDelayMs: 'manual', beforeResult: '404' });
  });

  async function startWaiting() {
    const started = await world.start();
    const view = await viewWhen(started.handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    return { ...started, registeredAtMs: Date.parse(view.jobs[EMPLOYER]?.registeredAt ?? '') };
  }

  it('asks at the times of the schedule, to the last one at 7 days, and then gives the job up', async () => {
    const { handle, userId, registeredAtMs } = await startWaiting();
    const schedule = scheduleOf(15 * MINUTE_MS, 7 * DAY_MS);
    expect(schedule.slice(0, 4)).toEqual([15, 45, 105, 225].map((minutes) => minutes * MINUTE_MS));
    expect(schedule.at(-1)).toBe(7 * DAY_MS);
    await world.pass(7 * DAY_MS - 5 * MINUTE_MS);
    expect((await getLink(handle)).jobs[EMPLOYER]?.state).toBe('registered');
    await world.pass('10m');
    const view = await getLink(handle);
    expect(view).toMatchObject({
      state: 'linked',
      jobs: { [EMPLOYER]: { state: 'failed', error: { code: 'result_timeout', action: 'retry_later' } } },
    });
    expect(view).not.toHaveProperty('error');
    expect(snapped([Date.parse(view.updatedAt) - registeredAtMs], schedule)).toEqual([7 * DAY_MS]);
    expect(snapped(await timersFiredMs(handle, registeredAtMs), schedule)).toEqual(schedule);
    expect(world.calls.count(userId, 'employer result')).toBe(schedule.length);
    // And then it is quiet: nothing is asked any more.
    await world.pass('30d');
    expect(world.calls.count(userId, 'employer result')).toBe(schedule.length);
    await expectUnlinked(world, handle, await cancelled(world, handle));
  });

  it('completes by a webhook that comes after the job was given up', async () => {
    const { handle, userId } = await startWaiting();
    await world.pass('8d');
    await world.atomic.completeJob(userId, EMPLOYER);
    await webhook(handle, EMPLOYER);
    const view = await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed');
    expect(view).toMatchObject({ state: 'linked', jobs: { [EMPLOYER]: { via: 'webhook' } } });
    expect(view.jobs[EMPLOYER]).not.toHaveProperty('error');
    expect(await getJob(handle, EMPLOYER)).toMatchObject({ result: [{ confidence: 'HIGH' }, {}] });
  });

  it('asks for both jobs by one timer, and goes on for the one whose webhook does not come', async () => {
    const { handle, userId } = await world.start({ jobs: [...JOBS] });
    const view = await viewWhen(handle, ({ jobs }) => JOBS.every((job) => jobs[job]?.state === 'registered'));
    const registeredAtMs = Date.parse(view.jobs[EMPLOYER]?.registeredAt ?? '');
    await world.pass('16m');
    expect(await timersFiredMs(handle, registeredAtMs)).toHaveLength(1);
    expect(world.calls.counts(userId)).toMatchObject({ 'employer result': 1, 'recurring result': 1 });

    await world.atomic.completeJob(userId, EMPLOYER);
    await webhook(handle, EMPLOYER);
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed');
    await world.pass('30m');
    expect(await timersFiredMs(handle, registeredAtMs)).toHaveLength(2);
    expect(world.calls.counts(userId)).toMatchObject({ 'employer result': 2, 'recurring result': 2 });
  });

  it('finds a result whose webhook never came, and says that it was by poll', async () => {
    const { handle, userId } = await startWaiting();
    await world.atomic.completeJob(userId, EMPLOYER);
    await world.pass('14m');
    expect(world.calls.count(userId, 'employer result')).toBe(0);
    await world.pass('2m');
    expect(await getLink(handle)).toMatchObject({
      state: 'linked',
      jobs: { [EMPLOYER]: { state: 'completed', via: 'poll' } },
    });
    expect(world.calls.count(userId, 'employer result')).toBe(1);
  });

  it('takes an empty list for "not yet" when it asks by itself', async () => {
    const { handle, userId } = await startWaiting();
    await world.atomic.completeJob(userId, EMPLOYER);
    world.atomic.setResult(EMPLOYER, userId, []);
    await world.pass('16m');
    expect(world.calls.count(userId, 'employer result')).toBe(1);
    expect((await getLink(handle)).jobs[EMPLOYER]?.state).toBe('registered');
    world.atomic.clearResult(EMPLOYER, userId);
    await world.pass('30m');
    expect((await getLink(handle)).jobs[EMPLOYER]).toMatchObject({ state: 'completed', via: 'poll' });
  });

  it('takes the earlier run\'s result for "not yet", which stays readable meanwhile', async () => {
    const { handle, userId } = await startWaiting();
    await world.atomic.completeJob(userId, EMPLOYER);
    await webhook(handle, EMPLOYER);
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed');
    const first = await getJob(handle, EMPLOYER);
    await handle.executeUpdate(UPDATES.runJob, { args: [{ job: EMPLOYER }] });
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await world.pass('16m');
    expect(world.calls.count(userId, 'employer result')).toBe(2);
    expect(await getJob(handle, EMPLOYER)).toMatchObject({ state: 'registered', result: first?.result });
    await world.atomic.completeJob(userId, EMPLOYER);
    await world.pass('30m');
    const second = await getJob(handle, EMPLOYER);
    expect(second).toMatchObject({ state: 'completed', run: 2 });
    expect(second?.result).not.toEqual(first?.result);
    expect(world.calls.counts(userId)).toMatchObject({ register: 2, 'employer result': 3 });
  });

  it('goes on polling after a fault at Atomic', async () => {
    const { handle, userId } = await startWaiting();
    await world.atomic.completeJob(userId, EMPLOYER);
    const fault = world.atomic.faults.add({
      operation: RESULT,
      times: 'always',
      kind: { status: 503, headers: { 'retry-after': '1800' } },
    });
    await world.pass('3h');
    expect((await getLink(handle)).jobs[EMPLOYER]?.state).not.toBe('failed');
    expect(fault.hits).toBeGreaterThan(2);
    fault.remove();
    const view = await world.viewLater(handle, ({ state }) => state === 'linked', '10m');
    expect(view.jobs[EMPLOYER]).toMatchObject({ state: 'completed', via: 'poll' });
    expect(userId).toBe(view.userId);
  });
});

describe('with other settings', () => {
  const settings = { resultOverdueAfterMs: MINUTE_MS, resultGiveUpAfterMs: 10 * MINUTE_MS };
  beforeEach(() => void Object.assign(world.settings, settings));

  it('keeps to RESULT_OVERDUE_AFTER and RESULT_GIVE_UP_AFTER', async () => {
    world.atomic.settings.jobDelayMs = 'manual';
    const { handle } = await world.start();
    const before = await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await world.pass('11m');
    const registeredAtMs = Date.parse(before.jobs[EMPLOYER]?.registeredAt ?? '');
    const schedule = [1, 3, 7, 10].map((minutes) => minutes * MINUTE_MS);
    expect(snapped(await timersFiredMs(handle, registeredAtMs), schedule)).toEqual(schedule);
    expect((await getLink(handle)).jobs[EMPLOYER]?.error?.code).toBe('result_timeout');
  });
});

function scheduleOf(overdueAfterMs: number, giveUpAfterMs: number): number[] {
  const times: number[] = [];
  for (;;) {
    const next = nextPollMs(times.at(-1) ?? 0, overdueAfterMs, giveUpAfterMs);
    if (next === undefined) return times;
    times.push(next);
  }
}

/** When each timer of the run fired. Only a wait for the next poll has one here. */
async function timersFiredMs(handle: Handle, sinceMs: number): Promise<number[]> {
  const { events }: History = await handle.fetchHistory();
  return (events ?? []).flatMap(({ timerFiredEventAttributes, eventTime }) =>
    timerFiredEventAttributes
      ? [Number(eventTime?.seconds ?? 0) * 1_000 + (eventTime?.nanos ?? 0) / 1e6 - sinceMs]
      : [],
  );
}

/** Each time, or the one of the schedule that it is as good as. */
function snapped(timesMs: readonly number[], schedule: readonly number[]): number[] {
  return timesMs.map((ms) => schedule.find((due) => ms >= due - 1_000 && ms < due + SLACK_MS) ?? ms);
}
