import { workflowIdOf } from '../../src/contract/names';
import type { LinkView } from '../../src/contract/schemas';
import type { Fault } from '../../src/simulators';
import { useService } from '../support/service';

jest.setTimeout(240_000);

const EMPLOYER = 'employer-classification';
/** Time in which reads have to be refused while nobody can serve them. */
const REFUSED_WITHIN_MS = 5_000;

const EXCHANGE = '/item/public_token/exchange';
const ACCOUNTS = '/accounts/get';
const PROCESSOR_TOKEN = '/processor/token/create';
const REGISTER = 'POST /plaid/processor-link';
const REMOVE = 'DELETE /plaid/processor-link';
const RESULT = 'GET employer-matches';
const REMOVE_ITEM = '/item/remove';

const service = useService();

interface Interrupted {
  userId: string;
  operation: string;
  when: 'before' | 'after';
}

/** A link whose call is on its way: it never reaches the provider (`before`), or its answer never comes back (`after`). */
async function interruptedAt(operation: string, when: 'before' | 'after'): Promise<Interrupted> {
  const { call, plaid, atomic } = service;
  const provider = operation.startsWith('/') ? plaid : atomic;
  const userId = service.newUser();
  const fault: Fault = { operation, userId, kind: 'hang', when, times: 'always' };
  const unlinks = operation === REMOVE || operation === REMOVE_ITEM;
  if (!unlinks) provider.faults.add(fault);
  await service.link({ userId, jobs: [EMPLOYER] });
  if (unlinks) {
    await call.job(userId, EMPLOYER, 60);
    provider.faults.add(fault);
    await call.unlink(userId);
  }
  await provider.ledger.waitForRequest(operation, { userId, timeoutMs: 30_000 });
  return { userId, operation, when };
}

const isFinal = ({ state }: LinkView) => state === 'unlinked' || state === 'failed';

describe('a worker that is killed', () => {
  it('loses no link at whatever step it is: the next worker goes on where it stood', async () => {
    const { call, worker, plaid, atomic } = service;
    atomic.settings.jobDelayMs = 'manual';
    const waiting = await service.link({ jobs: [EMPLOYER] });
    await call.linkWhen(waiting.userId, ({ state }) => state === 'waiting');
    atomic.settings.jobDelayMs = 20;
    const places: [string, 'before' | 'after'][] = [
      [EXCHANGE, 'before'],
      [ACCOUNTS, 'before'],
      [PROCESSOR_TOKEN, 'before'],
      [PROCESSOR_TOKEN, 'after'],
      [REGISTER, 'before'],
      [REGISTER, 'after'],
      [RESULT, 'before'],
    ];
    const ends: [string, 'before' | 'after'][] = [
      [REMOVE, 'before'],
      [REMOVE, 'after'],
      [REMOVE_ITEM, 'before'],
      [REMOVE_ITEM, 'after'],
    ];
    const ending = await Promise.all(ends.map((place) => interruptedAt(...place)));
    const going = await Promise.all(places.map((place) => interruptedAt(...place)));
    const lost = await interruptedAt(EXCHANGE, 'after');

    await worker.kill('SIGKILL');
    plaid.faults.clear();
    atomic.faults.clear();
    await atomic.completeJob(waiting.userId, EMPLOYER);
    await worker.start();

    const alive = [...going.map(({ userId }) => userId), waiting.userId];
    for (const userId of alive) {
      const link = await call.linkWhen(userId, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed');
      expect(link.error).toBeUndefined();
      expect((await call.job(userId, EMPLOYER)).job().result).toEqual(expect.any(Array));
      expect(plaid.ledger.effects('item_created', userId)).toHaveLength(1);
      expect(atomic.ledger.effects('registration_stored', userId).length).toBeGreaterThanOrEqual(1);
    }
    await Promise.all(alive.map((userId) => call.unlink(userId, 60)));
    for (const userId of [...alive, ...ending.map(({ userId: ended }) => ended)]) {
      const link = await call.linkWhen(userId, isFinal);
      expect(link.state).toBe('unlinked');
      expect(service.leftovers(userId)).toEqual([]);
      expect(plaid.leftovers(userId).orphanedItems).toEqual([]);
    }
    // A public token is exchanged once: an Item whose access token was never heard of cannot be removed.
    const relink = await call.linkWhen(lost.userId, isFinal);
    expect(relink).toMatchObject({ state: 'failed', error: { code: 'relink_required', action: 'relink' } });
    expect(service.leftovers(lost.userId)).toEqual([]);
    expect(atomic.ledger.requests(REGISTER, lost.userId)).toEqual([]);
  });

  it('is missed in reads, which answer 503 in time, and in nothing else', async () => {
    const { call, worker, atomic } = service;
    const { userId } = await service.link({ jobs: [EMPLOYER] });
    await call.job(userId, EMPLOYER, 60);
    await worker.kill('SIGKILL');

    const deadlineMs = REFUSED_WITHIN_MS;
    const reads = await Promise.all([
      call.get(userId, { deadlineMs }),
      call.job(userId, EMPLOYER, 0, { deadlineMs }),
      call.runJob(userId, EMPLOYER, { deadlineMs }),
    ]);

    for (const answer of reads) {
      expect([answer.status, answer.code()]).toEqual([503, 'temporal_unavailable']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const started = await service.link({ jobs: [EMPLOYER] });
    const webhook = await atomic.webhooks.send({ userId, job: EMPLOYER });
    expect(webhook.answer).toMatchObject({ status: 200 });
    await worker.start();
    expect((await call.job(started.userId, EMPLOYER, 60)).job().state).toBe('completed');
    for (const user of [userId, started.userId]) {
      expect((await call.unlink(user, 60)).link()).toMatchObject({
        state: 'unlinked',
        workflowId: workflowIdOf(user),
      });
      expect(service.leftovers(user)).toEqual([]);
    }
  });
});
