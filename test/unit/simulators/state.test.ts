import * as atomicHarness from './atomic-harness';
import * as plaidHarness from './plaid-harness';

const { EMPLOYER } = atomicHarness;

afterEach(async () => {
  await plaidHarness.closeAll();
  await atomicHarness.closeAll();
});

/** As it comes back from a file. */
const written = <T>(state: T): T => JSON.parse(JSON.stringify(state));

describe('a simulator that goes on with what an earlier one left', () => {
  it('knows the Items and the tokens of Plaid', async () => {
    const before = await plaidHarness.start();
    const { itemId, accessToken, accounts } = before.createItem({ userId: 'user-1' });
    await before.requireLogin(itemId, { webhook: false });
    const after = await plaidHarness.start({ state: written(before.dump()) });
    expect(after.accessTokenOf(itemId)).toBe(accessToken);
    expect(after.items('user-1')).toMatchObject([{ itemId, accounts, error: 'ITEM_LOGIN_REQUIRED' }]);
  });

  it('knows the registrations of Atomic, and ends the job that was running', async () => {
    const before = await atomicHarness.start({ settings: { jobDelayMs: 'manual' } });
    expect((await atomicHarness.register(before)).status).toBe(200);
    expect(before.links('user-1')).toMatchObject([{ job: EMPLOYER, state: 'running', run: 1 }]);
    const after = await atomicHarness.start({ state: written(before.dump()) });
    await after.ledger.waitForEffect('job_finished', { userId: 'user-1' });
    expect(after.links('user-1')).toMatchObject([{ job: EMPLOYER, state: 'finished', run: 1 }]);
  });
});
