import { randomBytes } from 'node:crypto';
import { EMPLOYER, getJob, getLink, outcome, viewWhen, webhook } from '../support/link-world';
import { historiesOf } from './support/run-chain';
import { useRealWorld } from './support/use-real-world';

const SIGNALS = Number(process.env.FLOOD ?? 9_000);
/** In flight at once; more wait for each other in the server. */
const LANES = 60;

const world = useRealWorld();

it('takes 9,000 webhooks, half of them twice, and still finishes, with a bounded history', async () => {
  const { handle, userId } = await world().start();
  await viewWhen(handle, ({ state }) => state === 'waiting');
  console.info('start', Date.now() % 1e6);
  const bodies = Array.from({ length: SIGNALS / 2 }, () => randomBytes(32).toString('hex'));
  const sent = [...bodies, ...bodies];
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      for (let body = sent.pop(); body !== undefined; body = sent.pop())
        await webhook(handle, EMPLOYER, body);
    }),
  );
  console.info('sent', Date.now() % 1e6);
  const run = world()
    .atomic.links(userId)
    .find(({ job }) => job === EMPLOYER)?.run;
  await viewWhen(handle, ({ state }) => state === 'linked');
  expect(await getJob(handle, EMPLOYER)).toMatchObject({ state: 'completed', result: expect.any(Array) });
  expect(run).toBe(1);
  expect(world().atomic.ledger.effects('registration_stored', userId)).toHaveLength(1);
  expect((await getLink(handle)).jobs).toMatchObject({ [EMPLOYER]: { via: 'webhook' } });

  await handle.cancel();
  expect(await outcome(handle)).toMatchObject({ status: 'CANCELLED', view: { state: 'unlinked' } });
  const histories = await historiesOf(world(), handle);
  const events = histories.map(({ length }) => length);
  console.info(`${SIGNALS} signals: ${histories.length} runs of ${events.join(', ')} events`);
  expect(histories.length).toBeGreaterThan(1);
  // Temporal ends a run at 51,200 events, and refuses signals to it from the 10,000th on.
  expect(Math.max(...events)).toBeLessThan(15_000);
}, 400_000);
