/** An operator's mistake costs no consent; hints that are older than what they are about do no harm. */
import { SIGNALS, UPDATES } from '../../src/contract/names';
import type { WaitForJobAnswer } from '../../src/contract/workflow';
import { EMPLOYER, getJob, getLink, viewWhen, webhook } from '../support/link-calls';
import { useWorld } from '../support/world';
import { endingOf, expectFailed } from './support/ending';
import { addFault } from './support/holding';

const world = useWorld({ skipsTime: true });
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

describe('where keys or set-up are refused', () => {
  it('waits in its state with the error, and goes on once an operator has mended it', async () => {
    const kind = { plaidError: 'INVALID_PRODUCT' };
    const fault = addFault(world, 'processor token', { times: 'always', kind });
    const { handle } = await world.start();
    await world.pass('50h');
    expect(await getLink(handle)).toMatchObject({
      state: 'creating_processor_token',
      error: { code: 'configuration_error', action: 'fix_configuration' },
    });
    fault.remove();
    const view = await world.viewLater(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered', '5m');
    expect(view).not.toHaveProperty('error');
  });

  it('tries at once when an operator asks for it, also before the next start of the step', async () => {
    const kind = { status: 429, headers: { 'retry-after': '3600' } };
    addFault(world, 'register', { kind });
    const { handle } = await world.start();
    await viewWhen(handle, ({ error }) => error !== undefined);
    await handle.signal(SIGNALS.retryNow);
    const view = await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    expect(Date.parse(view.updatedAt) - Date.parse(view.createdAt)).toBeLessThan(HOUR_MS);
  });

  it('fails with cleanup after CONFIGURATION_WAIT', async () => {
    addFault(world, 'register', { times: 'always', kind: { status: 401 } });
    const { handle, userId } = await world.start();
    const { createdAt } = await getLink(handle);
    const ending = await endingOf(world, handle);
    await expectFailed(world, handle, ending, 'configuration_error');
    const passedMs = Date.parse(ending.view.updatedAt) - Date.parse(createdAt);
    expect(passedMs).toBeGreaterThan(71 * HOUR_MS);
    expect(passedMs).toBeLessThan(73 * HOUR_MS);
    // From 30 s up to every 10 minutes.
    expect(world.calls.count(userId, 'register')).toBeGreaterThan(400);
    expect(world.calls.count(userId, 'register')).toBeLessThan(450);
  });

  it('keeps to CONFIGURATION_WAIT at the exchange too, where that is shorter than its 25 minutes', async () => {
    world.settings.configurationWaitMs = 2 * MINUTE_MS;
    addFault(world, 'exchange', { times: 'always', kind: { plaidError: 'INVALID_API_KEYS' } });
    const { handle, userId } = await world.start();
    await expectFailed(world, handle, await endingOf(world, handle), 'configuration_error');
    world.settings.configurationWaitMs = 72 * HOUR_MS;
    expect(world.calls.count(userId, 'exchange')).toBe(3);
  });
});

describe('a job', () => {
  it('stays completed when a later webhook is followed by a refusal', async () => {
    const { handle } = await world.start();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await webhook(handle, EMPLOYER);
    const linked = await viewWhen(handle, ({ state }) => state === 'linked');
    const fault = addFault(world, 'employer result', { kind: { status: 400 } });
    await webhook(handle, EMPLOYER);
    while (fault.hits === 0) await getLink(handle);
    await world.pass('1m');
    expect((await getLink(handle)).jobs).toEqual(linked.jobs);
    expect(await getJob(handle, EMPLOYER)).toHaveProperty('result');
  });

  it('keeps the time of its completion when an older event brings the same again', async () => {
    const { handle, userId } = await world.start();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await webhook(handle, EMPLOYER);
    const linked = await viewWhen(handle, ({ state }) => state === 'linked');
    await world.pass('1m');
    const eventTime = linked.jobs[EMPLOYER]?.registeredAt;
    await handle.signal(SIGNALS.atomicWebhook, { job: EMPLOYER, bodySha256: 'd'.repeat(64), eventTime });
    while (world.calls.count(userId, 'employer result') < 2) await getLink(handle);
    await world.pass('1m');
    expect((await getLink(handle)).jobs).toEqual(linked.jobs);
  });

  it('takes a webhook that is more than 5 minutes older than its registration for a poll', async () => {
    world.atomic.settings.jobDelayMs = 'manual';
    world.atomic.settings.beforeResult = 'empty';
    const { handle, userId } = await world.start();
    const view = await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    const registeredMs = Date.parse(view.jobs[EMPLOYER]?.registeredAt ?? '');
    const eventTime = new Date(registeredMs - 6 * MINUTE_MS).toISOString();
    await handle.signal(SIGNALS.atomicWebhook, { job: EMPLOYER, bodySha256: 'e'.repeat(64), eventTime });
    while (world.calls.count(userId, 'employer result') === 0) await getLink(handle);
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    world.atomic.settings.jobDelayMs = 0;
  });

  it('that is not settled when its link is removed has failed with `unlinked`, and its waiters are answered', async () => {
    const { handle } = await world.start();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    const waiting = await handle.startUpdate<WaitForJobAnswer, [unknown]>(UPDATES.waitForJob, {
      args: [{ job: EMPLOYER }],
      waitForStage: 'ACCEPTED',
    });
    await handle.cancel();
    expect(await waiting.result()).toMatchObject({ settled: true });
    const { view } = await endingOf(world, handle);
    expect(view.jobs[EMPLOYER]).toMatchObject({ state: 'failed', error: { code: 'unlinked' } });
  });

  it('that is not settled when its link fails has failed with the link', async () => {
    addFault(world, 'exchange', { kind: { plaidError: 'INVALID_PUBLIC_TOKEN' } });
    const { handle } = await world.start();
    const { view } = await endingOf(world, handle);
    expect(view.jobs[EMPLOYER]).toMatchObject({ state: 'failed', error: { code: 'relink_required' } });
  });
});
