import { getLink } from '../support/link-world';
import { cancelled, expectUnlinked } from './support/ending';
import {
  type FaultRow,
  failsWith,
  LINE_FAULTS,
  named,
  passes,
  plaidError,
  playFault,
  status,
} from './support/fault-table';
import { useLinkWorld, useTimeSkippingServer } from './support/use-link-world';

const server = useTimeSkippingServer();

/** The token is single-use: an answer that was lost after the effect cannot be had again. */
const losesAnswer = ({ kind }: FaultRow) => kind === 'reset-after' || kind === 'truncated';

const PASSING: FaultRow[] = [
  ...LINE_FAULTS.filter((row) => !losesAnswer(row)),
  // It may have taken effect: the attempts are spread over minutes.
  { ...plaidError('INTERNAL_SERVER_ERROR'), outcome: passes(2, 15) },
  { ...plaidError('INTERNAL_SERVER_ERROR'), times: 2, outcome: passes(3, 135) },
  { fault: 'a huge body', kind: { hugeBodyBytes: 5_000_000 }, outcome: passes(2) },
  { ...plaidError('RATE_LIMIT'), times: 4, outcome: passes(5, 75) },
  { ...status(429, 90), outcome: passes(2, 90) },
  { ...plaidError('INSTITUTION_DOWN'), outcome: passes(2, 300) },
  { ...plaidError('CREDITS_EXHAUSTED'), times: 2, outcome: passes(3, 90) },
];

const LOST: FaultRow[] = [
  // The token is used up by then: the next attempt says so, and there is no third.
  ...LINE_FAULTS.filter(losesAnswer).map((row) => ({ ...row, outcome: failsWith('relink_required', 2) })),
  { ...status(500), when: 'after', outcome: failsWith('relink_required', 2) },
];

const FAILING: FaultRow[] = [
  { ...plaidError('INTERNAL_SERVER_ERROR'), times: 'always', outcome: failsWith('provider_unavailable', 3) },
  {
    fault: 'reset before',
    kind: 'reset-before',
    times: 'always',
    outcome: failsWith('provider_unavailable', 3),
  },
  {
    fault: 'reset after',
    kind: 'reset-after',
    times: 'always',
    outcome: failsWith('provider_unavailable', 3),
  },
  { ...status(503, 5), times: 'always', outcome: failsWith('provider_unavailable', 3) },
  // Not more than 30 minutes, which is how long the token lives.
  { ...status(429, 600), times: 'always', outcome: failsWith('provider_unavailable', 3) },
  { ...plaidError('INSTITUTION_DOWN'), times: 'always', outcome: failsWith('bank_unavailable', 3) },
  { ...plaidError('PLANNED_MAINTENANCE'), times: 'always', outcome: failsWith('provider_unavailable', 3) },
  { ...plaidError('INVALID_PUBLIC_TOKEN'), outcome: failsWith('relink_required', 1) },
  { ...plaidError('ITEM_LOGIN_REQUIRED'), outcome: failsWith('sign_in_required', 1) },
  { ...plaidError('ITEM_NOT_FOUND'), outcome: failsWith('access_revoked', 1) },
  // Not more than 25 minutes, so that the token is still good once an operator has mended it.
  { ...plaidError('INVALID_API_KEYS'), times: 'always', outcome: failsWith('configuration_error', 6) },
  { ...plaidError('INVALID_FIELD'), outcome: failsWith('provider_rejected', 1) },
  { ...plaidError('INSTITUTION_NO_LONGER_SUPPORTED'), outcome: failsWith('bank_not_supported', 1) },
];

describe('a fault of the exchange', () => {
  const scene = useLinkWorld(server);

  it.each(named(PASSING))('that may pass: %s', (_, row) => playFault(scene, 'exchange', row));
  it.each(named(LOST))('that loses the answer: %s', (_, row) => playFault(scene, 'exchange', row));
  it.each(named(FAILING))('that ends the link: %s', (_, row) => playFault(scene, 'exchange', row));

  it('shows the state and stays cancellable while the exchange waits for its next attempt', async () => {
    scene.world.plaid.faults.add({
      operation: '/item/public_token/exchange',
      times: 'always',
      kind: { plaidError: 'INSTITUTION_DOWN' },
    });
    const { handle, userId } = await scene.start();
    await scene.pass('6m');
    expect((await getLink(handle)).state).toBe('exchanging');
    await expectUnlinked(scene, handle, await cancelled(scene, handle));
    expect(scene.calls.counts(userId)).toEqual({ exchange: 2 });
  });
});
