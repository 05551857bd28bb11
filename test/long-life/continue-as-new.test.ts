import { randomBytes } from 'node:crypto';
import type { Job } from '../../src/contract/jobs';
import { SIGNALS, UPDATES } from '../../src/contract/names';
import type { LinkView } from '../../src/contract/schemas';
import type { WaitForJobAnswer } from '../../src/contract/workflow';
import {
  EMPLOYER,
  getJob,
  getLink,
  type Handle,
  outcome,
  plaidWebhook,
  RECURRING,
  settled,
  viewWhen,
  webhook,
} from '../support/link-calls';
import { replay } from '../support/replay';
import { type HistoryEvent, historiesOf } from '../support/run-chain';
import { until } from '../support/until';
import { DEFAULT_SETTINGS, useWorld } from '../support/world';

/** Events after which the server suggests the next run. */
const HISTORY_EVENTS = 60;
/** Enough to make way twice or more. */
const REFUSALS = 36;
const RESULTS = { [EMPLOYER]: 'GET employer-matches', [RECURRING]: 'GET recurring-financial-transactions' };

const world = useWorld({ historyEvents: HISTORY_EVENTS, settings: { resultOverdueAfterMs: 600_000 } });

/** Signals without effect, until the link is in another run than `view` was read in. */
async function nextRun(handle: Handle, { runId, ...before }: LinkView): Promise<LinkView> {
  for (let signals = 0; signals < 10 * HISTORY_EVENTS; signals += 1) {
    await plaidWebhook(handle, { kind: 'pending_disconnect', itemId: 'another-item' });
    const { runId: newRunId, ...view } = await getLink(handle);
    if (newRunId === runId) continue;
    expect(view).toEqual(before);
    return { runId: newRunId, ...view };
  }
  throw new Error('The link stays in the same run.');
}

/** Text that no codec makes smaller, as large as a result may be. */
function largestResult(): unknown {
  const bare = Buffer.byteLength(JSON.stringify({ data: [{ text: '' }] }));
  return [
    {
      text: randomBytes(1_024_000)
        .toString('base64')
        .slice(0, 1_024_000 - bare),
    },
  ];
}

async function linked(jobs = [EMPLOYER, RECURRING]) {
  const started = await world.start({ jobs });
  await viewWhen(started.handle, ({ state }) => state === 'waiting');
  for (const job of jobs) await webhook(started.handle, job);
  const view = await viewWhen(started.handle, ({ state }) => state === 'linked');
  return { ...started, view };
}

it('carries jobs, the largest results, known webhooks and tokens', async () => {
  const { atomic, plaid } = world;
  const userId = `user-${randomBytes(4).toString('hex')}`;
  const results = { [EMPLOYER]: largestResult(), [RECURRING]: largestResult() };
  for (const job of [EMPLOYER, RECURRING]) atomic.setResult(job, userId, results[job]);
  const { handle } = await world.start({ userId, jobs: [EMPLOYER, RECURRING] });
  await viewWhen(handle, ({ state }) => state === 'waiting');
  const body = randomBytes(32).toString('hex');
  await webhook(handle, EMPLOYER, body);
  await webhook(handle, RECURRING);
  const first = await viewWhen(handle, ({ state }) => state === 'linked');
  const second = await nextRun(handle, first);
  await nextRun(handle, second);

  for (const job of [EMPLOYER, RECURRING]) {
    expect(await getJob(handle, job)).toMatchObject({ state: 'completed', run: 1, result: results[job] });
  }
  const fetches = () => atomic.ledger.requests(RESULTS[EMPLOYER], userId).length;
  expect(fetches()).toBe(1);
  await webhook(handle, EMPLOYER, body);
  await webhook(handle, EMPLOYER);
  await atomic.ledger.waitFor(() => fetches() > 1);
  expect(fetches()).toBe(2);

  await handle.executeUpdate(UPDATES.runJob, { args: [{ job: RECURRING }] });
  await viewWhen(handle, ({ jobs }) => jobs[RECURRING]?.state === 'registered');
  expect(atomic.links(userId).find(({ job }) => job === RECURRING)).toMatchObject({ run: 2 });

  await handle.cancel();
  expect(await outcome(handle)).toMatchObject({ status: 'CANCELLED', view: { state: 'unlinked' } });
  expect(plaid.nothingLeft(userId)).toBe(true);
  expect(atomic.nothingLeft(userId)).toBe(true);
});

it('answers a wait that is pending, and the next wait goes on in the next run', async () => {
  const { handle } = await world.start();
  const before = await viewWhen(handle, ({ state }) => state === 'waiting');
  const waiting = handle.executeUpdate<WaitForJobAnswer, [unknown]>(UPDATES.waitForJob, {
    args: [{ job: EMPLOYER }],
  });
  await nextRun(handle, before);
  expect(await waiting).toEqual({ settled: false });
  const again = settled(handle, EMPLOYER);
  await webhook(handle, EMPLOYER);
  expect(await again).toMatchObject({ state: 'completed' });
});

it('waits for the poll that was due, not for one more interval', async () => {
  const { settings, atomic } = world;
  settings.resultOverdueAfterMs = 3_000;
  try {
    const { handle, userId } = await world.start();
    const before = await viewWhen(handle, ({ state }) => state === 'waiting');
    await nextRun(handle, before);
    const { view } = await viewAndTime(handle);
    const registeredAtMs = Date.parse(view.jobs[EMPLOYER]?.registeredAt ?? '');
    const completedAtMs = Date.parse(view.jobs[EMPLOYER]?.completedAt ?? '');
    expect(view.jobs[EMPLOYER]?.via).toBe('poll');
    expect(atomic.ledger.requests(RESULTS[EMPLOYER], userId)).toHaveLength(1);
    expect(completedAtMs - registeredAtMs).toBeGreaterThanOrEqual(3_000);
    expect(completedAtMs - registeredAtMs).toBeLessThan(5_900);
  } finally {
    settings.resultOverdueAfterMs = 600_000;
  }

  async function viewAndTime(handle: Handle) {
    return { view: await viewWhen(handle, ({ state }) => state === 'linked') };
  }
});

it('carries a webhook that came before its job could be registered', async () => {
  const { settings, atomic } = world;
  settings.waitForHistoryMs = 3_600_000;
  try {
    const { handle, userId, itemId } = await world.start();
    const before = await viewWhen(handle, ({ state }) => state === 'registering');
    await webhook(handle, EMPLOYER);
    await nextRun(handle, before);
    expect(atomic.links(userId)).toEqual([]);
    await plaidWebhook(handle, { kind: 'history_ready', itemId });
    const view = await viewWhen(handle, ({ state }) => state === 'linked');
    expect(view.jobs[EMPLOYER]).toMatchObject({ state: 'completed', via: 'webhook' });
  } finally {
    settings.waitForHistoryMs = 0;
  }
});

it('carries a link that needs attention, and what the bank warned of', async () => {
  const { plaid } = world;
  const { handle, itemId } = await linked([EMPLOYER]);
  await plaid.requireLogin(itemId, { webhook: false });
  await plaidWebhook(handle, { kind: 'pending_expiration', itemId });
  await plaidWebhook(handle, { kind: 'sign_in_required', itemId });
  const before = await viewWhen(handle, ({ state }) => state === 'needs_attention');
  expect(before).toMatchObject({
    warning: { code: 'pending_expiration' },
    error: { code: 'sign_in_required' },
  });
  await nextRun(handle, before);
  await plaid.repair(itemId, { webhook: false });
  const after = await handle.executeUpdate<LinkView, []>(UPDATES.confirmRepair);
  expect(after).toMatchObject({ state: 'linked', itemId });
  expect(after).not.toHaveProperty('warning');
});

it('loses no webhook and no update while runs follow each other', async () => {
  const { atomic } = world;
  const { handle, userId } = await linked();
  const rounds = 12;
  for (let round = 2; round < 2 + rounds; round += 1) {
    const noise = Array.from({ length: 10 }, () =>
      plaidWebhook(handle, { kind: 'pending_disconnect', itemId: 'another-item' }),
    );
    const asked = [EMPLOYER, RECURRING].map((job) => askAgain(handle, job));
    await Promise.all([...noise, ...asked]);
    await viewWhen(handle, ({ jobs }) =>
      Object.values(jobs).every(({ state }) => state !== 'pending' && state !== 'completed'),
    );
    await Promise.all([webhook(handle, EMPLOYER), webhook(handle, RECURRING), ...noise]);
    await viewWhen(handle, ({ state }) => state === 'linked');
    for (const job of [EMPLOYER, RECURRING]) {
      expect(await getJob(handle, job)).toMatchObject({ state: 'completed', run: round });
    }
  }
  expect(atomic.ledger.effects('registration_stored', userId)).toHaveLength(2 * (rounds + 1));
  const histories = await historiesOf(world, handle);
  expect(histories.length).toBeGreaterThan(3);
  // A run ends at its next quiet moment, not in the middle of a step.
  for (const { length } of histories) expect(length).toBeLessThan(3 * HISTORY_EVENTS);
});

it('does not make way while a step is under way, and follows the other job meanwhile', async () => {
  const { atomic } = world;
  const { handle, userId } = await linked([EMPLOYER]);
  const { runId } = await getLink(handle);
  atomic.faults.add({
    operation: 'POST /plaid/processor-link',
    userId,
    times: 'always',
    kind: { status: 500 },
  });
  await handle.executeUpdate(UPDATES.runJob, { args: [{ job: RECURRING }] });
  await viewWhen(handle, ({ error }) => error?.code === 'provider_unavailable');
  for (let signals = 0; signals < 2 * HISTORY_EVENTS; signals += 1) {
    await plaidWebhook(handle, { kind: 'pending_disconnect', itemId: 'another-item' });
  }
  const fetches = () => atomic.ledger.requests(RESULTS[EMPLOYER], userId).length;
  const before = fetches();
  await webhook(handle, EMPLOYER);
  await atomic.ledger.waitFor(() => fetches() > before);
  expect((await getLink(handle)).runId).toBe(runId);
  atomic.faults.clear();
  await viewWhen(handle, (view) => view.jobs[RECURRING]?.state === 'registered' && view.runId !== runId);
});

it('does not make way at an update that it refuses, of which the history knows nothing', async () => {
  const { handle } = await world.start();
  // With a timer that the next run would have to begin again.
  await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
  // Signals make the history longer, by now one and now two, so that a refused update is sometimes first to find it long.
  for (let refusals = 0; refusals < REFUSALS; refusals += 1) {
    const signals = Array.from({ length: 1 + (refusals % 2) }, () =>
      plaidWebhook(handle, { kind: 'pending_disconnect', itemId: 'another-item' }),
    );
    await Promise.all(signals);
    await getLink(handle);
    await expect(handle.executeUpdate(UPDATES.confirmRepair, { args: [{}] })).rejects.toThrow();
  }
  await handle.cancel();
  expect((await outcome(handle)).status).toBe('CANCELLED');

  const runs = await historiesOf(world, handle);
  expect(runs.length).toBeGreaterThan(1);
  for (const events of runs.slice(0, -1)) {
    const resealing = events.findIndex(
      ({ activityTaskScheduledEventAttributes: step }) => step?.activityType?.name === 'resealTokens',
    );
    const before = events.slice(0, resealing);
    const decidingTask = before.slice(endOfTask(before, -2), endOfTask(before, -1));
    expect(decidingTask.some((event) => event.workflowExecutionSignaledEventAttributes)).toBe(true);
  }
  const histories = runs.map((events) => ({ workflowId: handle.workflowId, history: { events } }));
  expect(await replay(world, histories)).toEqual(histories.map(({ workflowId }) => ({ workflowId })));
});

/** Where the task ended that is the `at`th of the run, as `Array.at` counts. */
function endOfTask(events: readonly HistoryEvent[], at: number): number | undefined {
  return events.flatMap((event, index) => (event.workflowTaskCompletedEventAttributes ? [index] : [])).at(at);
}

/** Asks for a run of a job until it is taken: Temporal refuses an update while a run gives way to the next. */
async function askAgain(handle: Handle, job: Job): Promise<LinkView> {
  for (;;) {
    try {
      return await handle.executeUpdate<LinkView, [unknown]>(UPDATES.runJob, { args: [{ job }] });
    } catch (error) {
      const cause = error instanceof Error ? String(error.cause) : '';
      if (!cause.includes('unexpected workflow task failure')) throw error;
    }
  }
}

it('makes way as soon as an operator asks for it, with its tokens sealed again', async () => {
  const { handle, view } = await linked([EMPLOYER]);
  await handle.signal(SIGNALS.renew);
  const renewed = await viewWhen(handle, ({ runId }) => runId !== view.runId);
  expect({ ...renewed, runId: view.runId }).toEqual(view);
  expect(await getJob(handle, EMPLOYER)).toHaveProperty('result');
  await handle.cancel();
  expect((await outcome(handle)).status).toBe('CANCELLED');
});

it('makes way at its greatest age, though nothing happens', async () => {
  world.settings.runMaxAgeMs = 1_500;
  const { handle, view } = await linked([EMPLOYER]);
  await viewWhen(handle, ({ runId }) => runId !== view.runId);
  world.settings.runMaxAgeMs = DEFAULT_SETTINGS.runMaxAgeMs;
  await handle.cancel();
  expect((await outcome(handle)).status).toBe('CANCELLED');
});

/** Has the run make way while no worker runs, until a timer of it has fired. */
async function makesWayWhileDue(handle: Handle): Promise<void> {
  await world.stopWorker();
  await handle.signal(SIGNALS.renew);
  await until(
    () => handle.fetchHistory(),
    ({ events }) => (events ?? []).some(({ timerFiredEventAttributes }) => timerFiredEventAttributes),
  );
  await world.restartWorker();
}

it('asks in the next run for a result that came due while the run made way', async () => {
  // The first time to ask is the last: passed over, the job is given up.
  Object.assign(world.settings, { resultOverdueAfterMs: 3_000, resultGiveUpAfterMs: 3_000 });
  const { handle } = await world.start();
  const { runId } = await viewWhen(handle, ({ state }) => state === 'waiting');
  await makesWayWhileDue(handle);
  const view = await viewWhen(handle, ({ state }) => state === 'linked');
  expect(view.jobs[EMPLOYER]).toMatchObject({ state: 'completed', via: 'poll' });
  expect(view.runId).not.toBe(runId);
  await handle.cancel();
  expect((await outcome(handle)).status).toBe('CANCELLED');
});

it('looks at the Item in the next run when that came due while the run made way', async () => {
  // The first look is the last: passed over, the link fails.
  world.settings.attentionGiveUpAfterMs = 3_000;
  const { handle, itemId, view } = await linked([EMPLOYER]);
  await world.plaid.requireLogin(itemId, { webhook: false });
  await plaidWebhook(handle, { kind: 'sign_in_required', itemId });
  await viewWhen(handle, ({ state }) => state === 'needs_attention');
  await world.plaid.repair(itemId, { webhook: false });
  await makesWayWhileDue(handle);
  const repaired = await viewWhen(handle, ({ state }) => state !== 'needs_attention');
  expect(repaired).toMatchObject({ state: 'linked' });
  expect(repaired.runId).not.toBe(view.runId);
  await handle.cancel();
  expect((await outcome(handle)).status).toBe('CANCELLED');
});
