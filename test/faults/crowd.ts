import { randomUUID } from 'node:crypto';
import { SEARCH_ATTRIBUTES } from '../../src/contract/names';
import type { LinkState } from '../../src/contract/states';
import { EMPLOYER } from '../support/link-calls';
import { until } from '../support/until';
import { useWorld, type World } from '../support/world';
import { atOnce } from './support/at-once';
import { doneAgainWithoutReason } from './support/done-again';

/** More than one worker can take at once would time out, and be tried again. */
const STARTS_AT_ONCE = 20;
const READS_AT_ONCE = 25;
const FETCH = 'GET employer-matches';

/**
 * Declares the test: so many links, whose webhooks come all at once, are all linked, and no step that has an effect
 * is done again without a reason.
 */
export function linksACrowd(title: string, count: number): void {
  // Providers that answer late on a busy machine would be asked again, as they have to be.
  const world = useWorld({ providerTimeoutMs: 30_000, maxCachedWorkflows: count });

  it(title, async () => {
    const { plaid, atomic } = world;
    const links = world.linkClient();
    atomic.setResultBy(EMPLOYER, undefined, ({ userId }) => [{ employerOf: userId }]);
    const crowd = randomUUID();
    const users = Array.from({ length: count }, (_, index) => `${crowd}-${index + 1}`);

    const startedAt = Date.now();
    await atOnce(STARTS_AT_ONCE, users, async (userId) => {
      const { publicToken } = plaid.createPublicToken({ userId });
      await links.start({ userId, publicToken, jobs: [EMPLOYER] });
      await atomic.ledger.waitForEffect('registration_stored', { userId, timeoutMs: 300_000 });
    });
    await allIn(world, 'waiting', count);
    const waitingAt = Date.now();

    const taken = await Promise.all(
      users.map((userId) => links.signalAtomicWebhook(userId, { job: EMPLOYER, bodySha256: userId })),
    );
    expect(taken).toEqual(users.map(() => 'delivered'));
    await allFetched(world, count);
    const results = await atOnce(READS_AT_ONCE, users, (userId) =>
      links.waitForJob(userId, EMPLOYER, { waitMs: 60_000 }),
    );
    const drainedAt = Date.now();

    expect(results).toEqual(
      users.map((userId) => {
        const result = [{ employerOf: userId }];
        return { job: EMPLOYER, state: 'completed', result, resultText: JSON.stringify(result) };
      }),
    );
    await allIn(world, 'linked', count);
    expect(await doneAgainWithoutReason(world, users)).toEqual([]);
    const seconds = (from: number, to: number) => ((to - from) / 1_000).toFixed(1);
    process.stderr.write(
      `${count} links: ${seconds(startedAt, waitingAt)} s until all wait, ${seconds(waitingAt, drainedAt)} s to drain\n`,
    );
  }, 900_000);
}

/** Reads would only stand in line behind the thousand tasks. */
async function allFetched(world: World, count: number): Promise<void> {
  const fetched = new Set<string | undefined>();
  await world.atomic.ledger.waitFor(
    (entry) => {
      if (entry.kind === 'request' && entry.operation === FETCH && entry.outcome === 'answered')
        fetched.add(entry.userId);
      return fetched.size === count;
    },
    { timeoutMs: 300_000 },
  );
}

/** As an operator finds them; visibility follows the links by a moment. */
async function allIn(world: World, state: LinkState, count: number): Promise<void> {
  const query = `TaskQueue = '${world.taskQueue}' AND ${SEARCH_ATTRIBUTES.linkState} = '${state}'`;
  await until(
    async () => (await world.client.workflow.count(query)).count,
    (found) => found === count,
  );
}
