/** Calls that change something at a provider, and answers to them that are slow or lost. */
import { EMPLOYER, RECURRING, viewWhen } from '../support/link-world';
import { endingOf, expectFailed, expectNothingLeft, expectUnlinked } from './support/ending';
import { addFault, hold } from './support/holding';
import { useLinkWorld, useRealServer } from './support/use-link-world';

const server = useRealServer();
const REGISTER = 'POST /plaid/processor-link';
const DELETE = 'DELETE /plaid/processor-link';
const LATEST_ARRIVAL_MS = 30_000;

jest.setTimeout(120_000);

describe('an effect at a provider', () => {
  const scene = useLinkWorld(server, { providerTimeoutMs: 15_000 });

  it('registers once per job, however slowly Atomic answers', async () => {
    addFault(scene, 'register', { times: 2, kind: { delayMs: 6_000 } });
    const { handle, userId } = await scene.start({ jobs: [EMPLOYER, RECURRING] });
    await viewWhen(handle, ({ jobs }) => Object.values(jobs).every(({ state }) => state === 'registered'));
    expect(scene.calls.count(userId, 'register')).toBe(2);
  });

  it('registers both jobs side by side', async () => {
    const first = hold(scene, 'register');
    hold(scene, 'register');
    const { handle, userId } = await scene.start({ jobs: [EMPLOYER, RECURRING] });
    await first.arrived(userId);
    while (scene.calls.count(userId, 'register') < 2) await viewWhen(handle, () => true);
    expect(scene.calls.timeline(userId).slice(-2)).toEqual(['register begins', 'register begins']);
    first.release();
    await viewWhen(handle, ({ jobs }) => Object.values(jobs).every(({ state }) => state === 'registered'));
  });

  it('takes a 409 for success where the answer to an earlier attempt was lost', async () => {
    scene.world.atomic.faults.add({ operation: REGISTER, kind: 'reset-after' });
    scene.world.atomic.faults.add({ operation: REGISTER, kind: { status: 409, body: '{"error":"exists"}' } });
    const { handle, userId } = await scene.start();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    expect(scene.calls.count(userId, 'register')).toBe(2);
    // Its unlink would wait for half a minute, as the next one does.
    await handle.terminate();
  });

  it('sends DELETE again once a registration whose answer was lost can no longer arrive', async () => {
    const { ledger } = scene.world.atomic;
    addFault(scene, 'register', { times: 'always', when: 'after', kind: 'reset-after' });
    const { handle, userId } = await scene.start();
    const { at: sentAt } = await ledger.waitForRequest(REGISTER, { userId });
    await viewWhen(handle, ({ error }) => error?.code === 'provider_unavailable');
    await handle.cancel();
    await expectUnlinked(scene, handle, await endingOf(scene, handle));
    const removals = ledger.requests(DELETE, userId);
    expect(removals.length).toBe(2);
    const [first, second] = removals.map(({ at }) => Date.parse(at) - Date.parse(sentAt));
    expect(first).toBeLessThan(LATEST_ARRIVAL_MS);
    expect(second).toBeGreaterThanOrEqual(LATEST_ARRIVAL_MS - 1_000);
  });

  it('removes at Atomic what a run that was reset has forgotten', async () => {
    const { handle, userId } = await scene.start();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    const { client } = scene.world;
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
    expect(scene.world.atomic.links(userId)).toEqual([]);
    expect(scene.calls.count(userId, 'delete')).toBe(1);
  });

  it('sends DELETE once, without retries, for a link that fails before it registered anything', async () => {
    addFault(scene, 'delete', { times: 'always', kind: { status: 500 } });
    addFault(scene, 'exchange', { kind: { plaidError: 'INVALID_PUBLIC_TOKEN' } });
    const { handle, userId } = await scene.start();
    await expectFailed(scene, handle, await endingOf(scene, handle), 'relink_required');
    expect(scene.calls.count(userId, 'delete')).toBe(1);
    expectNothingLeft(scene.world, userId);
  });
});
