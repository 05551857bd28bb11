import { setTimeout as delay } from 'node:timers/promises';
import { temporal } from '@temporalio/proto';
import { JOBS } from '../../src/contract/jobs';
import { workflowIdOf } from '../../src/contract/names';
import { useService } from '../support/service';

const LINKS = 60;
const KILLS = 15;
const KILL_AFTER_MS = 2_000;
const REGISTER = 'POST /plaid/processor-link';
const { PENDING_ACTIVITY_STATE_STARTED } = temporal.api.enums.v1.PendingActivityState;

const service = useService();

it('repeats no registration but those that were in flight as a worker died, with the newest processor token', async () => {
  const { atomic, plaid, worker, call } = service;
  // Atomic has taken it, and the answer is on its way: what a death makes unheard.
  atomic.faults.add({ operation: REGISTER, when: 'after', times: 'always', kind: { delayMs: 900 } });
  const users: string[] = [];
  const start = async () => {
    const userId = service.newUser();
    users.push(userId);
    const { accessToken } = plaid.createItem({ userId });
    await call.start({ userId, accessToken, jobs: JOBS });
    return userId;
  };
  // A dead attempt is found out after 40 s only: the next kills would count it again.
  const inFlight = new Set<string>();
  for (let kill = 0; kill < KILLS; kill += 1) {
    await Promise.all(Array.from({ length: LINKS / KILLS - 1 }, start));
    await delay(KILL_AFTER_MS);
    await atomic.ledger.waitForRequest(REGISTER, { userId: await start(), timeoutMs: 60_000 });
    await worker.kill('SIGKILL');
    for (const userId of users)
      for (const attempt of await registrationsInFlight(userId)) inFlight.add(attempt);
    await worker.start();
  }
  await Promise.all(users.map((userId) => call.linkWhen(userId, ({ state }) => state === 'linked', 500)));

  const stored = users.map((userId) => atomic.ledger.effects('registration_stored', userId));
  const repeated = stored.flat().length - LINKS * JOBS.length;
  process.stderr.write(
    `${LINKS} links, ${KILLS} kills: ${inFlight.size} registrations in flight at a kill, ${repeated} repeated\n`,
  );
  expect(users).toHaveLength(LINKS);
  expect(inFlight.size).toBeGreaterThanOrEqual(KILLS);
  expect(repeated).toBeGreaterThanOrEqual(0);
  expect(repeated).toBeLessThanOrEqual(inFlight.size);
  for (const userId of users) {
    const newest = plaid.ledger.effects('processor_token_created', userId).at(-1)?.details.token;
    expect(atomic.links(userId).map(({ token }) => token)).toEqual(JOBS.map(() => newest));
    // What is repeated is repeated with the token of its first time, or a newer one.
    expect(plaid.ledger.effects('processor_token_created', userId).length).toBeLessThanOrEqual(KILLS + 1);
  }
  await Promise.all(users.map((userId) => call.unlink(userId, 60)));
  for (const userId of users) expect(atomic.leftovers(userId).registrations).toEqual([]);
}, 300_000);

/** Attempts at a registration that a worker had begun and not reported. */
async function registrationsInFlight(userId: string): Promise<string[]> {
  const { raw } = await service.client.workflow.getHandle(workflowIdOf(userId)).describe();
  return (raw.pendingActivities ?? [])
    .filter(
      ({ activityType, state }) =>
        activityType?.name === 'registerProcessorLink' && state === PENDING_ACTIVITY_STATE_STARTED,
    )
    .map(({ activityId, attempt }) => `${userId} ${activityId} ${attempt}`);
}
