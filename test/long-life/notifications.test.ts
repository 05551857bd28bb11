import { randomBytes } from 'node:crypto';
import type { NotificationEvent } from '../../src/contract/notifications';
import { EMPLOYER, type Handle, plaidWebhook, RECURRING, viewWhen, webhook } from '../support/link-calls';
import { historiesOf } from '../support/run-chain';
import { until } from '../support/until';
import { useWorld } from '../support/world';

/** What the receiver does with an event: throws to refuse it. */
let receive: (event: NotificationEvent) => void | Promise<void> = () => undefined;
/** Every attempt, taken or not. */
let attempts: NotificationEvent[] = [];
const world = useWorld({
  settings: { notify: true },
  onNotification: async (event) => {
    attempts.push(event);
    await receive(event);
  },
});

beforeEach(() => {
  receive = () => undefined;
  attempts = [];
});

function taken(userId: string): NotificationEvent[] {
  return world.notifications.filter(({ data }) => data.userId === userId);
}

async function takenWhen(userId: string, count: number): Promise<NotificationEvent[]> {
  return until(
    () => taken(userId),
    (events) => events.length >= count,
  );
}

async function closedAs(handle: Handle): Promise<string> {
  await handle.result().catch(() => undefined);
  return (await handle.describe()).status.name;
}

/** Ids of the notification workflows that a link has started, in the order in which it did. */
async function startedBy(handle: Handle): Promise<string[]> {
  const events = (await historiesOf(world, handle)).flat();
  return events.flatMap(
    ({ startChildWorkflowExecutionInitiatedEventAttributes: child }) =>
      child?.workflowId?.split('/').at(-1) ?? [],
  );
}

it('tells of jobs and of the end, thin, each once, and starts the telling in the order of what happened', async () => {
  const { atomic } = world;
  const userId = `user-${randomBytes(4).toString('hex')}`;
  atomic.faults.add({ operation: 'GET recurring-financial-transactions', userId, kind: { status: 400 } });
  const { handle } = await world.start({ userId, jobs: [EMPLOYER, RECURRING] });
  await viewWhen(handle, ({ jobs }) => Object.values(jobs).every(({ state }) => state === 'registered'));
  await webhook(handle, EMPLOYER);
  await takenWhen(userId, 1);
  await webhook(handle, RECURRING);
  await takenWhen(userId, 2);
  await handle.cancel();
  expect(await closedAs(handle)).toBe('CANCELLED');
  const events = await takenWhen(userId, 3);
  const { runId } = await handle.describe();
  expect(events.map(({ type, data }) => ({ type, ...data }))).toEqual([
    { type: 'job.completed', userId, runId, job: EMPLOYER, state: 'completed' },
    { type: 'job.failed', userId, runId, job: RECURRING, state: 'failed', code: 'provider_rejected' },
    { type: 'link.unlinked', userId, runId, state: 'unlinked' },
  ]);
  for (const { id, timestamp } of events) {
    expect(id).toMatch(/^msg_[0-9a-f-]{36}$/);
    expect(new Date(timestamp).toISOString()).toBe(timestamp);
  }
  expect(new Set(events.map(({ id }) => id)).size).toBe(3);
  expect(await startedBy(handle)).toEqual(events.map(({ id }) => id));
  expect(events.map(({ timestamp }) => timestamp)).toEqual(events.map(({ timestamp }) => timestamp).sort());
});

it('tells once of a sign-in that is needed and of the repair, and again when it expires again', async () => {
  const { plaid } = world;
  const { handle, userId, itemId } = await world.start();
  await viewWhen(handle, ({ state }) => state === 'waiting');
  for (const times of [1, 2]) {
    await plaid.requireLogin(itemId, { webhook: false });
    await plaidWebhook(handle, { kind: 'sign_in_required', itemId });
    await plaidWebhook(handle, { kind: 'sign_in_required', itemId });
    await viewWhen(handle, ({ state }) => state === 'needs_attention');
    await takenWhen(userId, 2 * times - 1);
    await plaid.repair(itemId, { webhook: false });
    await plaidWebhook(handle, { kind: 'sign_in_repaired', itemId });
    await viewWhen(handle, ({ state }) => state === 'waiting');
    await takenWhen(userId, 2 * times);
  }
  const told = taken(userId);
  expect(told.map(({ type, data }) => [type, data.code])).toEqual([
    ['link.needs_attention', 'sign_in_required'],
    ['link.recovered', undefined],
    ['link.needs_attention', 'sign_in_required'],
    ['link.recovered', undefined],
  ]);
  await handle.cancel();
});

it('tells of a link that failed, though it has closed by then', async () => {
  const { atomic } = world;
  const userId = `user-${randomBytes(4).toString('hex')}`;
  atomic.faults.add({ operation: 'POST /plaid/processor-link', userId, kind: { status: 400 } });
  let hasClosed: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    hasClosed = resolve;
  });
  receive = () => closed;
  const { handle } = await world.start({ userId });
  expect(await closedAs(handle)).toBe('FAILED');
  expect(taken(userId)).toEqual([]);
  hasClosed();
  const events = await takenWhen(userId, 2);
  expect(events.map(({ type, data }) => [type, data.state, data.code]).sort()).toEqual([
    ['job.failed', 'failed', 'provider_rejected'],
    ['link.failed', 'failed', 'provider_rejected'],
  ]);
});

it('never waits for a receiver that is down, and delivers under the same id once it is back', async () => {
  receive = () => {
    throw new Error('The receiver is down.');
  };
  const { handle, userId } = await world.start();
  await viewWhen(handle, ({ state }) => state === 'waiting');
  await webhook(handle, EMPLOYER);
  await viewWhen(handle, ({ state }) => state === 'linked');
  await handle.cancel();
  expect(await closedAs(handle)).toBe('CANCELLED');
  const ofUser = () => attempts.filter(({ data }) => data.userId === userId);
  while (ofUser().length < 4) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(taken(userId)).toEqual([]);

  receive = () => undefined;
  const events = await takenWhen(userId, 2);
  expect(events.map(({ type }) => type).sort()).toEqual(['job.completed', 'link.unlinked']);
  for (const { id, type } of events) {
    const tried = ofUser().filter((event) => event.type === type);
    expect(tried.length).toBeGreaterThan(1);
    expect(new Set(tried.map((event) => event.id))).toEqual(new Set([id]));
  }
  for (const id of await startedBy(handle)) {
    const child = world.client.workflow.getHandle(`${handle.workflowId}/notification/${id}`);
    expect(await child.result()).toBe('delivered');
  }
});

it('starts no workflow for telling where nobody is to be told', async () => {
  world.settings.notify = false;
  try {
    const { handle, userId } = await world.start();
    await viewWhen(handle, ({ state }) => state === 'waiting');
    await webhook(handle, EMPLOYER);
    await viewWhen(handle, ({ state }) => state === 'linked');
    await handle.cancel();
    expect(await closedAs(handle)).toBe('CANCELLED');
    expect(await startedBy(handle)).toEqual([]);
    expect(attempts.filter(({ data }) => data.userId === userId)).toEqual([]);
  } finally {
    world.settings.notify = true;
  }
});
