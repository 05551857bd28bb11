import dns from 'node:dns';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { claimPort } from '../../src/system/free-port';
import { EMPLOYER, getLink } from '../support/link-calls';
import { SeverableProxy } from '../support/severable-proxy';
import { useWorld, useWorldBeside } from '../support/world';
import { cancelled, endingOf, expectFailed, expectUnlinked } from './support/ending';
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

const world = useWorld({ skipsTime: true });

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
  it.each(named(PASSING))('that may pass: %s', (_, row) => playFault(world, 'exchange', row));
  it.each(named(LOST))('that loses the answer: %s', (_, row) => playFault(world, 'exchange', row));
  it.each(named(FAILING))('that ends the link: %s', (_, row) => playFault(world, 'exchange', row));

  it('shows the state and stays cancellable while the exchange waits for its next attempt', async () => {
    world.plaid.faults.add({
      operation: '/item/public_token/exchange',
      times: 'always',
      kind: { plaidError: 'INSTITUTION_DOWN' },
    });
    const { handle, userId } = await world.start();
    await world.pass('6m');
    expect((await getLink(handle)).state).toBe('exchanging');
    await expectUnlinked(world, handle, await cancelled(world, handle));
    expect(world.calls.counts(userId)).toEqual({ exchange: 2 });
  });
});

/** A name that no name server has ever heard of, whatever name servers there are. */
const UNKNOWN_HOST = 'plaid.invalid';
const MINUTE_MS = 60_000;

describe('a network on which Plaid cannot be reached', () => {
  const mute: Server = createServer();

  beforeAll(() => {
    const { lookup } = dns;
    const fails = (host: string, ...rest: unknown[]) => {
      const answer = rest.at(-1);
      if (host !== UNKNOWN_HOST || typeof answer !== 'function')
        return Reflect.apply(lookup, dns, [host, ...rest]);
      process.nextTick(answer, Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
    };
    jest.spyOn(dns, 'lookup').mockImplementation(fails as typeof lookup);
  });
  afterAll(() => {
    jest.restoreAllMocks();
    mute.close();
  });

  describe.each<[string, () => string | Promise<string>]>([
    ['connections are refused', async () => `http://127.0.0.1:${await claimPort('127.0.0.1', 0)}`],
    ['its name is not found', () => `http://${UNKNOWN_HOST}`],
    [
      'connections hang',
      async () => {
        await once(mute.listen(0, '127.0.0.1'), 'listening');
        const address = mute.address();
        return `https://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
      },
    ],
  ])('because %s', (_, plaidAt) => {
    const cutOff = useWorldBeside(world, { plaidAt, connectTimeoutMs: 20 });

    it("goes on with the exchange until the token's 30 minutes are over, and then ends the link", async () => {
      const { handle } = await cutOff.start();
      await cutOff.pass('27m');
      expect(await getLink(handle)).toMatchObject({
        state: 'exchanging',
        error: { code: 'provider_unavailable', action: 'retry_later' },
      });
      const ending = await endingOf(cutOff, handle);
      await expectFailed(cutOff, handle, ending, 'provider_unavailable');
      const { createdAt, updatedAt } = ending.view;
      const lastedMs = Date.parse(updatedAt) - Date.parse(createdAt);
      expect(lastedMs).toBeGreaterThan(28 * MINUTE_MS);
      expect(lastedMs).toBeLessThan(31 * MINUTE_MS);
    });
  });

  describe('for 20 minutes', () => {
    let proxy: SeverableProxy;
    const plaidAt = async (url: string) => {
      proxy = new SeverableProxy(new URL(url).host);
      await proxy.join();
      return `http://${proxy.address}`;
    };
    const cutOff = useWorldBeside(world, { plaidAt });
    afterAll(() => proxy.sever());

    it('costs no user a second trip through Link', async () => {
      await proxy.sever();
      const { handle, userId } = await cutOff.start();
      await cutOff.pass('20m');
      expect(await getLink(handle)).toMatchObject({ state: 'exchanging' });
      await proxy.join();
      await cutOff.viewLater(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
      expect(cutOff.calls.count(userId, 'exchange')).toBe(1);
      await expectUnlinked(cutOff, handle, await cancelled(cutOff, handle));
    });
  });
});
