import { once } from 'node:events';
import { request } from 'node:http';
import { Client } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { JOBS } from '../../src/contract/jobs';
import { workflowIdOf } from '../../src/contract/names';
import { replay } from '../support/replay';
import { useService } from '../support/service';
import { connectTo } from '../support/temporal';

jest.setTimeout(120_000);

const EMPLOYER = 'employer-classification';
const RECURRING = 'recurrence-detection';

const service = useService();

describe('a link over HTTP, with API and worker as processes of their own', () => {
  it('answers a result digit for digit as Atomic sent it', async () => {
    const { call, atomic } = service;
    const userId = service.newUser();
    const text = '[ {"id":9007199254740993, "sum":12345678901234567890,"huge":1e400,"rate":1.10} ]';
    atomic.setResultText(EMPLOYER, userId, text);
    await service.link({ userId, jobs: [EMPLOYER] });
    const answer = await call.job(userId, EMPLOYER, 60);
    expect(answer.text).toBe(`{"job":"${EMPLOYER}","state":"completed","result":${text}}`);
    await call.unlink(userId, 60);
  });

  it('goes from a public token to both results, and back to nothing', async () => {
    const { call, plaid, atomic } = service;
    const { userId, itemId } = await service.link();

    const [employer, recurring] = await Promise.all([
      call.job(userId, EMPLOYER, 60),
      call.job(userId, RECURRING, 60),
    ]);

    expect(employer.job()).toEqual({
      job: EMPLOYER,
      state: 'completed',
      result: expect.arrayContaining([
        expect.objectContaining({ company: expect.objectContaining({ name: 'Bluebird Logistics' }) }),
      ]),
    });
    expect(recurring.job()).toMatchObject({ state: 'completed', result: expect.any(Array) });
    const link = await call.linkWhen(userId, ({ state }) => state === 'linked');
    expect(link).toMatchObject({
      userId,
      itemId,
      workflowId: workflowIdOf(userId),
      jobs: { [EMPLOYER]: { via: 'webhook' }, [RECURRING]: { via: 'webhook' } },
    });
    expect(plaid.ledger.effects('item_created', userId)).toHaveLength(1);
    expect(plaid.ledger.effects('processor_token_created', userId)).toHaveLength(1);
    expect(atomic.ledger.effects('registration_stored', userId)).toHaveLength(2);
    expect(service.leftovers(userId)).toHaveLength(3);

    const unlinked = await call.unlink(userId, 60);

    expect(unlinked.status).toBe(200);
    expect(unlinked.link().state).toBe('unlinked');
    expect(service.leftovers(userId)).toEqual([]);
    expect(plaid.leftovers(userId)).toMatchObject({ orphanedItems: [], liveProcessorTokens: 0 });
    const after = await call.job(userId, EMPLOYER);
    expect(after.job()).toEqual({ job: EMPLOYER, state: 'completed' });
    expect((await call.get(userId)).link().state).toBe('unlinked');
    expect((await call.unlink(userId)).status).toBe(200);
  });

  it('finds the same link for the same request, and refuses another one', async () => {
    const { call, plaid } = service;
    const { userId, publicToken } = await service.link();
    const other = plaid.createPublicToken({ userId });

    const again = await call.start({ userId, publicToken, jobs: [...JOBS].reverse() });
    const another = await call.start({ userId, publicToken: other.publicToken, jobs: JOBS });
    const fewer = await call.start({ userId, publicToken, jobs: [EMPLOYER] });

    expect(again.status).toBe(200);
    expect(again.link().userId).toBe(userId);
    expect([another.status, another.code()]).toEqual([409, 'already_linked']);
    expect([fewer.status, fewer.code()]).toEqual([409, 'already_linked']);
    await call.unlink(userId, 60);
    // The token of the refused request was left alone, so it still serves for a new link.
    const next = await call.start({ userId, publicToken: other.publicToken, jobs: [EMPLOYER] });
    expect(next.status).toBe(202);
    expect((await call.job(userId, EMPLOYER, 60)).job().state).toBe('completed');
    expect((await call.unlink(userId, 60)).link().state).toBe('unlinked');
    expect(service.leftovers(userId)).toEqual([]);
  });

  it('makes one run of a hundred equal requests at once', async () => {
    const { call, plaid } = service;
    const userId = service.newUser();
    const { publicToken } = plaid.createPublicToken({ userId });

    const answers = await Promise.all(
      Array.from({ length: 100 }, () => call.start({ userId, publicToken, jobs: JOBS })),
    );

    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 202)).toHaveLength(1);
    expect(statuses.filter((status) => status === 200)).toHaveLength(99);
    expect(new Set(answers.map((answer) => answer.link().runId)).size).toBe(1);
    expect((await call.job(userId, RECURRING, 60)).job().state).toBe('completed');
    expect(plaid.ledger.effects('item_created', userId)).toHaveLength(1);
    await call.unlink(userId, 60);
    expect(service.leftovers(userId)).toEqual([]);
  });

  it('runs a further job, and joins one that runs', async () => {
    const { call, atomic } = service;
    const { userId } = await service.link({ jobs: [EMPLOYER] });
    await call.job(userId, EMPLOYER, 60);

    const further = await call.runJob(userId, RECURRING);
    await call.runJob(userId, RECURRING);

    expect(further.status).toBe(202);
    expect((await call.job(userId, RECURRING, 60)).job().state).toBe('completed');
    await call.unlink(userId, 60);
    expect(service.leftovers(userId)).toEqual([]);
    expect(atomic.ledger.effects('registration_removed', userId)).toHaveLength(1);
  });

  it("unlinks on Temporal's own cancel", async () => {
    const { userId } = await service.link();
    await service.call.job(userId, EMPLOYER, 60);
    const { address, namespace } = service.temporal;
    const connection = await connectTo(address);

    await new Client({ connection, namespace }).workflow.getHandle(workflowIdOf(userId)).cancel();
    await connection.close();

    const link = await service.call.linkWhen(userId, ({ state }) => state === 'unlinked');
    expect(link.userId).toBe(userId);
    expect(service.leftovers(userId)).toEqual([]);
  });

  it('answers a long poll at once when the API is asked to stop, and its successor goes on', async () => {
    const { api, call, atomic } = service;
    atomic.settings.jobDelayMs = 'manual';
    const { userId } = await service.link({ jobs: [EMPLOYER] });
    await call.linkWhen(userId, ({ state }) => state === 'waiting');
    const polling = request(`${api.url}/v1/links/${userId}/jobs/${EMPLOYER}?waitSeconds=60`, {
      headers: { authorization: `Bearer ${call.key}` },
    });
    polling.end();
    const answered = once(polling, 'response').then(([response]) => response.statusCode);
    // The poll has arrived once a request that was sent after it over another connection is answered.
    await call.get(userId);

    const exit = await api.stop();

    expect(await answered).toBe(200);
    expect(exit).toEqual({ code: 0, signal: null });
    await api.start();
    atomic.settings.jobDelayMs = 20;
    await atomic.completeJob(userId, EMPLOYER);
    expect((await call.job(userId, EMPLOYER, 60)).job().state).toBe('completed');
    await call.unlink(userId, 60);
  });

  it('left histories alone that every worker can replay', async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const query = `TaskQueue = '${service.taskQueue}'`;
    const replayed = await replay(service, service.client.workflow.list({ query }).intoHistories());

    expect(replayed.length).toBeGreaterThanOrEqual(6);
    expect(replayed.filter(({ error }) => error !== undefined)).toEqual([]);
  });
});
