import type { Fault } from '../../src/simulators/server/faults';
import type { Call } from '../support/call-log';
import { EMPLOYER, getLink, viewWhen } from '../support/link-calls';
import { useWorld } from '../support/world';
import { endingOf, expectFailed, expectUnlinked } from './support/ending';
import {
  type FaultRow,
  LINE_FAULTS,
  named,
  passes,
  plaidError,
  playFault,
  status,
} from './support/fault-table';

const world = useWorld({ skipsTime: true });

/** Whatever the answer, a removal is tried again until it is done; that there is nothing to remove is done too. */
const OF_ATOMIC: FaultRow[] = [
  ...LINE_FAULTS,
  { ...status(404), when: 'after', outcome: passes(1) },
  ...[400, 401, 403, 422, 429, 500].map((code) => ({ ...status(code), times: 2, outcome: passes(3) })),
  { ...status(503, 60), outcome: passes(2) },
];
const OF_PLAID: FaultRow[] = [
  ...LINE_FAULTS,
  { ...plaidError('ITEM_NOT_FOUND'), when: 'after', outcome: passes(1) },
  ...['INTERNAL_SERVER_ERROR', 'RATE_LIMIT', 'INVALID_API_KEYS', 'INVALID_FIELD', 'INSTITUTION_DOWN'].map(
    (code) => ({ ...plaidError(code), times: 2, outcome: passes(3) }),
  ),
];

const REMOVALS: readonly { call: Call; operation: string; rows: FaultRow[]; refusal: Fault['kind'] }[] = [
  { call: 'delete', operation: 'DELETE /plaid/processor-link', rows: OF_ATOMIC, refusal: { status: 401 } },
  {
    call: 'remove item',
    operation: '/item/remove',
    rows: OF_PLAID,
    refusal: { plaidError: 'INVALID_API_KEYS' },
  },
];

describe('cleanup faults', () => {
  describe.each(REMOVALS)('a fault of $call', ({ call, operation, rows, refusal }) => {
    const provider = () => (call === 'delete' ? world.atomic : world.plaid);

    it.each(named(rows))('is met: %s', (_, row) => playFault(world, call, row));

    it('keeps the link unlinking, with the error shown, for as long as the removal is refused', async () => {
      const fault = provider().faults.add({ operation, times: 'always', kind: refusal });
      const { handle } = await world.start();
      await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
      await handle.cancel();
      await world.pass('3d');
      expect(await getLink(handle)).toMatchObject({
        state: 'unlinking',
        error: { code: 'configuration_error', action: 'fix_configuration' },
      });
      expect(fault.hits).toBeGreaterThan(48);
      fault.remove();
      const ending = await endingOf(world, handle);
      await expectUnlinked(world, handle, ending);
      expect(ending.view).not.toHaveProperty('error');
    });

    it('is undone at last for a link that fails, which then tells why it failed', async () => {
      provider().faults.add({ operation, times: 5, kind: refusal });
      world.atomic.faults.add({ operation: 'POST /plaid/processor-link', kind: { status: 422 } });
      const { handle } = await world.start();
      // Why the cleanup does not finish stands before why the link failed.
      await viewWhen(handle, ({ error }) => error?.code === 'configuration_error');
      await expectFailed(world, handle, await endingOf(world, handle), 'provider_rejected');
    });
  });

  it('removes the registration before the Item, and the Item only once that is confirmed', async () => {
    world.atomic.faults.add({
      operation: 'DELETE /plaid/processor-link',
      times: 3,
      kind: { status: 500 },
    });
    const { handle, userId } = await world.start();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await handle.cancel();
    await expectUnlinked(world, handle, await endingOf(world, handle));
    expect(world.calls.of(userId).slice(-5)).toEqual(['delete', 'delete', 'delete', 'delete', 'remove item']);
  });
});
