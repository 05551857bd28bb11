/** Calls that change something at a provider, and answers to them that are slow or lost. */
import { EMPLOYER, RECURRING, viewWhen } from '../support/link-calls';
import { useWorld } from '../support/world';
import { endingOf, expectFailed, expectNothingLeft, expectUnlinked } from './support/ending';
import { addFault, hold } from './support/holding';

const world = useWorld({ providerTimeoutMs: 15_000 });
const REGISTER = 'POST /plaid/processor-link';
const DELETE = 'DELETE /plaid/processor-link';
const LATEST_ARRIVAL_MS = 30_000;

jest.setTimeout(120_000);

describe('an effect at a provider', () => {
  it('registers once per job, however slowly Atomic answers', async () => {
    addFault(world, 'register', { times: 2, kind: { delayMs: 6_000 } });
    const { handle, userId } = await world.start({ jobs: [EMPLOYER, RECURRING] });
    await viewWhen(handle, ({ jobs }) => Object.values(jobs).every(({ state }) => state === 'registered'));
    expect(world.calls.count(userId, 'register')).toBe(2);
  });

  it('registers both jobs side by side', async () => {
    const first = hold(world, 'register');
    hold(world, 'register');
    const { handle, userId } = await world.start({ jobs: [EMPLOYER, RECURRING] });
    await first.arrived(userId);
    while (world.calls.count(userId, 'register') < 2) await viewWhen(handle, () => true);
    expect(world.calls.timeline(userId).slice(-2)).toEqual(['register begins', 'register begins']);
    first.release();
    await viewWhen(handle, ({ jobs }) => Object.values(jobs).every(({ state }) => state === 'registered'));
  });

  it('takes a 409 for success where the answer to an earlier attempt was lost', async () => {
    world.atomic.faults.add({ operation: REGISTER, kind: 'reset-after' });
    world.atomic.faults.add({ operation: REGISTER, kind: { status: 409, body: '{"error":"exists"}' } });
    const { handle, userId } = await world.start();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    expect(world.calls.count(userId, 'register')).toBe(2);
    // Its unlink would wait for half a minute, as the next one does.
    await handle.terminate();
  });

  it('sends DELETE again once a registration whose answer was lost can no longer arrive', async () => {
    const { ledger } = world.atomic;
    addFault(world, 'register', { times: 'always', when: 'after', kind: 'reset-after' });
    const { handle, userId } = await world.start();
    const { at: sentAt } = await ledger.waitForRequest(REGISTER, { userId });
    await viewWhen(handle, ({ error }) => error?.code === 'provider_unavailable');
    await handle.cancel();
    await expectUnlinked(world, handle, await endingOf(world, handle));
    const removals = ledger.requests(DELETE, userId);
    expect(removals.length).toBe(2);
    const [first, second] = removals.map(({ at }) => Date.parse(at) - Date.parse(sentAt));
    expect(first).toBeLessThan(LATEST_ARRIVAL_MS);
    expect(second).toBeGreaterThanOrEqual(LATEST_ARRIVAL_MS - 1_000);
  });

  it('removes at Atomic what a run that was reset has forgotten', async () => {
    const { handle, userId } = await world.start();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    const { client } = world;
    const { runId } = await handle.describe();
    const { events = [] } = await handle.fetchHistory();
    const firstTask = events?.find((event) => event.workflowTaskCompletedEventAttributes)?.eventId;
    await client.workflowService.resetWorkflowExecution({
      namespace: client.options.namespace,
      workflowExecution: { workflowId: handle.workflowId, runId },
      reason: 'an operator',
      workflowTaskFinishEventId: firstTask ?? null,
      requestId: `reset-${userId}`,
    });
    const reset = client.workflow.getHandle(handle.workflowId);
    await expect(reset.result()).rejects.toThrow();
    expect(world.atomic.links(userId)).toEqual([]);
    expect(world.calls.count(userId, 'delete')).toBe(1);
  });

  it('sends DELETE once, without retries, for a link that fails before it registered anything', async () => {
    addFault(world, 'delete', { times: 'always', kind: { status: 500 } });
    addFault(world, 'exchange', { kind: { plaidError: 'INVALID_PUBLIC_TOKEN' } });
    const { handle, userId } = await world.start();
    await expectFailed(world, handle, await endingOf(world, handle), 'relink_required');
    expect(world.calls.count(userId, 'delete')).toBe(1);
    expectNothingLeft(world, userId);
  });
});
