import type { WorkflowExecutionInfo } from '@temporalio/client';
import { z } from 'zod';
import { JOBS } from '../../src/contract/jobs';
import { eraseIdOf, NOTIFICATION_WORKFLOW_TYPE, workflowIdOf } from '../../src/contract/names';
import { createPayloadCodec } from '../../src/encryption/payload-codec';
import { openInTests } from '../support/open-in-tests';
import { startScriptedServer } from '../support/scripted-server';
import { useService } from '../support/service';
import { until } from '../support/until';

jest.setTimeout(240_000);

const REMOVE = 'DELETE /plaid/processor-link';

const backend = openInTests(startScriptedServer);
const service = useService({
  env: () => ({ NOTIFY_URL: backend.url, NOTIFY_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}` }),
});

beforeAll(() => {
  // No notification is taken, so that each stays open until it is erased.
  backend.script((response) => response.writeHead(500).end());
});

async function completedLink(): Promise<string> {
  const { userId } = await service.link();
  for (const job of JOBS) {
    expect((await service.call.job(userId, job, 60)).job()).toMatchObject({ state: 'completed' });
  }
  return userId;
}

async function erase(userId: string, waitSeconds = 0): Promise<[status: number, body: unknown]> {
  const { status, text } = await service.call.call(
    'DELETE',
    `/v1/users/${userId}?waitSeconds=${waitSeconds}`,
  );
  return [status, JSON.parse(text)];
}

/** Asks again while the erasure is under way: Temporal's server deletes in the background, in its own time. */
async function eraseToTheEnd(userId: string): Promise<void> {
  for (let calls = 1; ; calls += 1) {
    const [status, body] = await erase(userId, 60);
    expect(body).toEqual({ userId, erased: status === 200 });
    if (status === 200) return;
    if (calls === 3) throw new Error('The erasure is still under way.');
  }
}

/** Atomic does not let go of the user, until the fault is removed. */
const atomicRefuses = (userId: string) =>
  service.atomic.faults.add({ operation: REMOVE, userId, times: 'always', kind: { status: 500 } });

/** Every run of the namespace whose workflow id names the user. */
async function runsOf(userId: string): Promise<WorkflowExecutionInfo[]> {
  const runs: WorkflowExecutionInfo[] = [];
  for await (const run of service.client.workflow.list()) if (run.workflowId.includes(userId)) runs.push(run);
  return runs;
}

async function runsWhen(userId: string, isWanted: (runs: WorkflowExecutionInfo[]) => boolean) {
  return until(() => runsOf(userId), isWanted);
}

/** What is in the payloads of a run's history, decrypted as belonging to that run. */
async function contentsOf(workflowId: string): Promise<unknown[]> {
  const { namespace } = service.temporal;
  const codec = createPayloadCodec({ keyRing: service.keyRing, namespace });
  const { events } = await service.client.workflow.getHandle(workflowId).fetchHistory();
  const payloads = (events ?? []).flatMap((event) => [
    ...(event.workflowExecutionStartedEventAttributes?.input?.payloads ?? []),
    ...(event.activityTaskScheduledEventAttributes?.input?.payloads ?? []),
    ...(event.activityTaskCompletedEventAttributes?.result?.payloads ?? []),
    ...(event.workflowExecutionCompletedEventAttributes?.result?.payloads ?? []),
  ]);
  const decoded = await codec.decode(payloads, { type: 'workflow', namespace, workflowId });
  return decoded.map(({ data }) => JSON.parse(Buffer.from(data ?? []).toString() || 'null'));
}

describe('erasing a user', () => {
  it('unlinks, deletes every run and notification, and leaves one closed run with id and times', async () => {
    const userId = await completedLink();
    const other = await completedLink();
    await runsWhen(userId, (runs) => runs.some(({ type }) => type === NOTIFICATION_WORKFLOW_TYPE));

    expect(await erase(userId)).toEqual([202, { userId, erased: false }]);
    await eraseToTheEnd(userId);

    expect(service.leftovers(userId)).toEqual([]);
    expect((await service.call.get(userId)).code()).toBe('link_not_found');
    expect((await service.call.job(userId, 'recurrence-detection')).code()).toBe('link_not_found');
    await expect(service.client.workflow.getHandle(workflowIdOf(userId)).describe()).rejects.toThrow(
      /not found/,
    );
    const [evidence, ...more] = await runsWhen(
      userId,
      ([run, ...rest]) => rest.length > 0 || run?.status.name === 'COMPLETED',
    );
    expect(more).toEqual([]);
    expect(evidence).toMatchObject({ workflowId: eraseIdOf(userId), status: { name: 'COMPLETED' } });
    expect(evidence?.memo ?? {}).toEqual({});
    const content = z.union([z.null(), z.boolean(), z.strictObject({ askedAt: z.iso.datetime() })]);
    expect(
      z
        .array(content)
        .min(4)
        .safeParse(await contentsOf(eraseIdOf(userId))),
    ).toMatchObject({
      success: true,
    });

    expect((await service.call.get(other)).link().state).toBe('linked');
    expect(await erase(userId)).toEqual([200, { userId, erased: true }]);
    expect(await runsOf(userId)).toHaveLength(1);
  });

  it('says at once that it is done for a user who was never linked, and leaves no run', async () => {
    const userId = service.newUser();
    expect(await erase(userId)).toEqual([200, { userId, erased: true }]);
    expect(await runsOf(userId)).toEqual([]);
  });

  it('deletes a link that had ended before, and the user can be linked and erased again', async () => {
    const userId = await completedLink();
    await service.call.unlink(userId, 60);
    await eraseToTheEnd(userId);

    await service.link({ userId });
    expect((await service.call.job(userId, JOBS[0], 60)).job()).toMatchObject({ state: 'completed' });
    await eraseToTheEnd(userId);
    expect((await service.call.get(userId)).status).toBe(404);
    expect(await runsWhen(userId, (runs) => runs.length === 1)).toMatchObject([
      { workflowId: eraseIdOf(userId), status: { name: 'COMPLETED' } },
    ]);
  });

  it('goes on after an operator has cancelled it, when it is asked for again', async () => {
    const userId = await completedLink();
    const refusal = atomicRefuses(userId);
    expect((await erase(userId))[0]).toBe(202);
    await service.atomic.ledger.waitForRequest(REMOVE, { userId, timeoutMs: 30_000 });
    const erasure = service.client.workflow.getHandle(eraseIdOf(userId));
    await erasure.cancel();
    await expect(erasure.result()).rejects.toThrow();
    expect((await erasure.describe()).status.name).toBe('CANCELLED');
    expect((await service.call.get(userId)).link().state).toBe('unlinking');

    refusal.remove();
    await eraseToTheEnd(userId);
    expect((await service.call.get(userId)).status).toBe(404);
  });

  it('is done by the next worker where one was killed in the middle', async () => {
    const userId = await completedLink();
    const refusal = atomicRefuses(userId);
    expect(await erase(userId)).toEqual([202, { userId, erased: false }]);
    // Between two attempts, so that nothing is in flight that would have to time out.
    await service.call.linkWhen(userId, ({ error }) => error !== undefined);
    await service.worker.kill();
    expect(await erase(userId)).toEqual([202, { userId, erased: false }]);
    refusal.remove();
    await service.worker.start();

    await eraseToTheEnd(userId);
    expect(service.leftovers(userId)).toEqual([]);
    expect((await service.call.get(userId)).status).toBe(404);
  });
});
