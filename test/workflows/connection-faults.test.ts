import type { Call } from '../support/call-log';
import { EMPLOYER, getLink } from '../support/link-calls';
import { useWorld } from '../support/world';
import { endingOf, expectFailed } from './support/ending';
import {
  type FaultRow,
  failsWith,
  LINE_FAULTS,
  named,
  needsAttention,
  passes,
  plaidError,
  playFault,
  status,
} from './support/fault-table';

const world = useWorld({ skipsTime: true });
const HOUR_MS = 3_600_000;

const ROWS: FaultRow[] = [
  ...LINE_FAULTS,
  { ...plaidError('INTERNAL_SERVER_ERROR'), times: 3, outcome: passes(4) },
  { fault: 'a huge body', kind: { hugeBodyBytes: 5_000_000 }, outcome: passes(2) },
  { ...plaidError('RATE_LIMIT'), outcome: passes(2, 5) },
  { ...status(429, 90), outcome: passes(2, 90) },
  { ...plaidError('INSTITUTION_DOWN'), outcome: passes(2, 300) },
  { ...plaidError('ITEM_LOGIN_REQUIRED'), outcome: needsAttention(1) },
  { ...plaidError('USER_PERMISSION_REVOKED'), outcome: failsWith('access_revoked', 1) },
  { ...plaidError('ITEM_NOT_FOUND'), outcome: failsWith('access_revoked', 1) },
  { ...plaidError('INVALID_UPDATED_USERNAME'), outcome: failsWith('relink_required', 1) },
  // An operator mends it meanwhile.
  { ...plaidError('INVALID_API_KEYS'), outcome: passes(2, 30) },
  { ...plaidError('INVALID_PRODUCT'), times: 3, outcome: passes(4, 210) },
  { ...plaidError('INVALID_FIELD'), outcome: failsWith('provider_rejected', 1) },
  { ...plaidError('PRODUCTS_NOT_SUPPORTED'), outcome: failsWith('bank_not_supported', 1) },
];

const STEPS: readonly { step: Call; operation: string }[] = [
  { step: 'accounts', operation: '/accounts/get' },
  { step: 'processor token', operation: '/processor/token/create' },
];

describe('connection faults', () => {
  describe.each(STEPS)('a fault of $step', ({ step, operation }) => {
    it.each(named(ROWS))('is met: %s', (_, row) => playFault(world, step, row));

    it('shows its error while the bank is down, and fails with cleanup after 24 hours', async () => {
      world.plaid.faults.add({
        operation,
        times: 'always',
        kind: { plaidError: 'INSTITUTION_NOT_RESPONDING' },
      });
      const { handle, userId } = await world.start();
      await world.pass('22h');
      const view = await getLink(handle);
      expect(view).toMatchObject({
        state: 'creating_processor_token',
        error: { code: 'bank_unavailable', action: 'retry_later' },
      });
      const ending = await endingOf(world, handle);
      await expectFailed(world, handle, ending, 'bank_unavailable');
      expect(Date.parse(ending.view.updatedAt) - Date.parse(view.createdAt)).toBeGreaterThan(22 * HOUR_MS);
      expect(Date.parse(ending.view.updatedAt) - Date.parse(view.createdAt)).toBeLessThan(24.2 * HOUR_MS);
      // 5 minutes, doubling, to 2 hours; no attempt is begun that could not end in time.
      expect(world.calls.count(userId, step)).toBeLessThanOrEqual(18);
    });

    it('shows its error while Plaid is down, and fails with cleanup after 24 hours', async () => {
      world.plaid.faults.add({
        operation,
        times: 'always',
        kind: { status: 503, headers: { 'retry-after': '3600' } },
      });
      const { handle } = await world.start();
      await world.pass('22h');
      expect(await getLink(handle)).toMatchObject({
        state: 'creating_processor_token',
        error: { code: 'provider_unavailable' },
      });
      await expectFailed(world, handle, await endingOf(world, handle), 'provider_unavailable');
    });
  });

  it('takes the error out of the view once the step has gone through', async () => {
    const fault = world.plaid.faults.add({
      operation: '/accounts/get',
      times: 'always',
      kind: { plaidError: 'INSTITUTION_DOWN' },
    });
    const { handle } = await world.start();
    await world.viewLater(handle, ({ error }) => error !== undefined);
    fault.remove();
    const view = await world.viewLater(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered', '1m');
    expect(view).not.toHaveProperty('error');
  });
});
