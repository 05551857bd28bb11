/** What the model test has found, each by its name. */
import { UPDATES } from '../../src/contract/names';
import {
  EMPLOYER,
  getJob,
  getLink,
  type Handle,
  outcome,
  plaidWebhook,
  RECURRING,
  settled,
  viewWhen,
  webhook,
} from '../support/link-calls';
import { expectToReplay } from '../support/replay';
import { useWorld } from '../support/world';
import { expectNothingLeft } from '../workflows/support/ending';

const LINKS = 6;
const RUNS_OF_A_JOB = 3;
const REGISTER = 'POST /plaid/processor-link';
const RESULTS = ['GET employer-matches', 'GET recurring-financial-transactions'];

const world = useWorld({ settings: { notify: true } });

it('leaves histories that replay when steps of both jobs end at the same time', async () => {
  const handles = await Promise.all(Array.from({ length: LINKS }, () => liveInStep()));
  await expectToReplay(world, handles);
});

/** A whole life in which whatever is done for one job is done for the other at the same time. */
async function liveInStep(): Promise<Handle> {
  const jobs = [EMPLOYER, RECURRING];
  const { handle, userId } = await world.start({ jobs });
  for (const operation of [REGISTER, ...RESULTS]) {
    world.atomic.faults.add({ operation, userId, times: 'always', kind: { delayMs: 30 } });
  }
  for (let run = 0; run < RUNS_OF_A_JOB; run += 1) {
    if (run > 0) {
      await Promise.all(jobs.map((job) => handle.executeUpdate(UPDATES.runJob, { args: [{ job }] })));
    }
    await Promise.all(jobs.map((job) => webhook(handle, job)));
    await Promise.all(jobs.map((job) => settled(handle, job)));
  }
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow('Workflow execution cancelled');
  return handle;
}

it('does not fail a job whose registration is refused because its account was withdrawn meanwhile', async () => {
  const { plaid, atomic } = world;
  atomic.faults.add({ operation: REGISTER, kind: { hold: 'registration' } });
  const { handle, userId, itemId, accountId } = await world.start({
    accounts: [{ type: 'depository', mask: '0000', subtype: 'checking' }],
  });
  while (atomic.faults.held('registration') === 0) await getLink(handle);

  await plaid.revokeAccount(itemId, accountId);
  await handle.signal('plaidWebhook', {
    kind: 'account_revoked',
    accountId,
    itemId,
    bodySha256: '0'.repeat(64),
  });
  await viewWhen(handle, ({ state }) => state === 'needs_attention');
  atomic.faults.release('registration');
  await atomic.ledger.waitForRequest('DELETE /plaid/processor-link', { userId });
  expect(await getJob(handle, EMPLOYER)).toMatchObject({ state: 'pending' });

  plaid.addAccount(itemId, { type: 'depository', mask: '0000', subtype: 'checking' });
  await handle.executeUpdate(UPDATES.confirmRepair, { args: [{}] });
  await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
  await webhook(handle, EMPLOYER);
  expect(await settled(handle, EMPLOYER)).toMatchObject({ state: 'completed' });
});

it('says why it failed, though a webhook came while it removed its Item', async () => {
  const { plaid, settings } = world;
  // With nobody to tell, the link ends in the very task that removes the Item.
  settings.notify = false;
  plaid.faults.add({ operation: '/item/remove', kind: { hold: 'removal' } });
  plaid.faults.add({ operation: '/accounts/get', kind: { plaidError: 'PRODUCTS_NOT_SUPPORTED' } });
  const { handle, itemId } = await world.start();
  // No query: its answer would wait for the removal.
  await plaid.ledger.waitForRequest('/accounts/get', {});
  while (plaid.faults.held('removal') === 0) await new Promise((resolve) => setImmediate(resolve));
  await handle.signal('plaidWebhook', { kind: 'pending_disconnect', itemId, bodySha256: '1'.repeat(64) });
  plaid.faults.release('removal');

  const { status, view } = await outcome(handle);
  expect(status).toBe('FAILED');
  expect(view).toMatchObject({ state: 'failed', error: { code: 'bank_not_supported' } });
});

it('leaves nothing of a link whose account moved, unheard of, between its processor token and its registration', async () => {
  const { plaid, settings } = world;
  settings.waitForHistoryMs = 3_600_000;
  const { handle, userId, itemId } = await world.start();
  // The first look at the Item is over, and the next one half a minute away.
  while (!(await handle.fetchHistory()).events?.some((event) => event.timerStartedEventAttributes))
    await getLink(handle);
  plaid.changeAccountId(itemId);
  await plaidWebhook(handle, { kind: 'history_ready', itemId });

  const { status, view } = await outcome(handle);
  expect(status).toBe('FAILED');
  expect(view).toMatchObject({ state: 'failed', error: { code: 'provider_rejected' } });
  expectNothingLeft(world, userId);
});
