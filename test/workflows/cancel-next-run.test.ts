import { UPDATES } from '../../src/contract/names';
import type { WaitForJobAnswer } from '../../src/contract/workflow';
import { askForLinkToken, EMPLOYER, getLink, outcome, plaidWebhook, viewWhen } from '../support/link-calls';
import { useWorld } from '../support/world';

const HISTORY_EVENTS = 60;
// A request that is held has to last until the server has asked for the next run.
const world = useWorld({ historyEvents: HISTORY_EVENTS, providerTimeoutMs: 15_000 });

it('unlinks a link that is making way for the next run, and does not start that run', async () => {
  const { plaid, atomic } = world;
  plaid.faults.add({ operation: '/accounts/get', kind: { plaidError: 'ITEM_LOGIN_REQUIRED' } });
  plaid.faults.add({ operation: '/link/token/create', when: 'after', kind: { hold: 'update' } });
  const { handle, userId } = await world.start();
  const { runId } = await viewWhen(handle, ({ state }) => state === 'needs_attention');
  const update = askForLinkToken(handle);
  await plaid.ledger.waitForRequest('/link/token/create', { userId });
  let isMakingWay = false;
  const longPoll = handle
    .executeUpdate<WaitForJobAnswer, [unknown]>(UPDATES.waitForJob, { args: [{ job: EMPLOYER }] })
    .then(() => {
      isMakingWay = true;
    });
  // The long poll is answered once the run only waits for the other update.
  for (let signals = 0; signals < HISTORY_EVENTS && !isMakingWay; signals += 1) {
    await plaidWebhook(handle, { kind: 'history_ready', itemId: 'another' });
    await getLink(handle);
  }
  await longPoll;

  await handle.cancel();
  await viewWhen(handle, ({ state }) => state === 'unlinking' || state === 'unlinked');
  plaid.faults.release('update');
  expect(await update).toHaveProperty('sealedLinkToken');
  expect(await outcome(handle)).toMatchObject({ status: 'CANCELLED', view: { state: 'unlinked', runId } });
  expect(plaid.leftovers(userId).items).toEqual([]);
  expect(atomic.links(userId)).toEqual([]);
});
