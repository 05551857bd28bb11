import { EMPLOYER, getLink, RECURRING, viewWhen, webhook } from '../support/link-calls';
import { useWorld } from '../support/world';
import { cancelled, endingOf, expectFailed, expectUnlinked } from './support/ending';
import {
  type FaultRow,
  failsWith,
  LINE_FAULTS,
  named,
  passes,
  playFault,
  status,
} from './support/fault-table';

const world = useWorld({ skipsTime: true });
const REGISTER = 'POST /plaid/processor-link';

const ROWS: FaultRow[] = [
  ...LINE_FAULTS,
  { ...status(500), outcome: passes(2) },
  { ...status(500), times: 3, outcome: passes(4) },
  { ...status(503, 60), outcome: passes(2, 60) },
  { ...status(429), outcome: passes(2, 5) },
  { ...status(429, 90), outcome: passes(2, 90) },
  // A user whom Atomic does not know is made, and then registered.
  { ...status(404), outcome: passes(2) },
  { ...status(404), times: 'always', outcome: failsWith('provider_rejected', 2) },
  { ...status(400), outcome: failsWith('provider_rejected', 1) },
  { ...status(422), outcome: failsWith('provider_rejected', 1) },
  // An operator mends it meanwhile.
  { ...status(401), outcome: passes(2, 30) },
  { ...status(403), times: 3, outcome: passes(4, 210) },
  // Where no call can have taken effect before, Atomic holds somebody else's registration.
  { ...status(409), outcome: failsWith('provider_rejected', 1) },
];

describe('a fault of the registration', () => {
  it.each(named(ROWS))('is met: %s', (_, row) => playFault(world, 'register', row));

  it('takes any 2xx for an acknowledgement, however large', async () => {
    world.atomic.faults.add({ operation: REGISTER, when: 'after', kind: { hugeBodyBytes: 5_000_000 } });
    const { handle, userId } = await world.start();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    expect(world.calls.count(userId, 'register')).toBe(1);
    await expectUnlinked(world, handle, await cancelled(world, handle));
  });

  it.each([
    ['the connection broke', 'reset-after' as const],
    ['a gateway said 504', { status: 504, body: '<html></html>', headers: { 'content-type': 'text/html' } }],
  ])('takes a 409 for success once %s, though Atomic had taken the registration', async (_, kind) => {
    const { atomic } = world;
    atomic.faults.add({ operation: REGISTER, when: 'after', kind });
    atomic.faults.add({ operation: REGISTER, kind: { status: 409, body: '{"error":"exists"}' } });
    const { handle, userId } = await world.start();
    await world.viewLater(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    expect(world.calls.count(userId, 'register')).toBe(2);
    expect(atomic.ledger.effects('registration_stored', userId)).toHaveLength(1);
    await webhook(handle, EMPLOYER);
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed');
    await expectUnlinked(world, handle, await cancelled(world, handle));
  });

  it('makes a user whom Atomic does not know', async () => {
    const { atomic } = world;
    atomic.settings.userMustExist = true;
    try {
      const { handle, userId } = await world.start();
      await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
      expect(world.calls.counts(userId)).toMatchObject({ register: 2, 'create user': 1 });
    } finally {
      atomic.settings.userMustExist = false;
    }
  });

  it('lets a job that is refused fail alone, and the link go on with the other', async () => {
    world.atomic.faults.add({ operation: REGISTER, kind: { status: 422 } });
    const { handle, userId } = await world.start({ jobs: [EMPLOYER, RECURRING] });
    const waiting = await world.viewLater(handle, ({ jobs }) =>
      [jobs[EMPLOYER], jobs[RECURRING]].some((job) => job?.state === 'registered'),
    );
    const states = [waiting.jobs[EMPLOYER], waiting.jobs[RECURRING]].map((job) => job?.state);
    expect(states.toSorted()).toEqual(['failed', 'registered']);
    expect(waiting).toMatchObject({ state: 'waiting' });
    expect(waiting).not.toHaveProperty('error');
    const [taken, refused] =
      waiting.jobs[EMPLOYER]?.state === 'registered' ? [EMPLOYER, RECURRING] : [RECURRING, EMPLOYER];
    expect(waiting.jobs[refused]?.error).toMatchObject({ code: 'provider_rejected' });
    await webhook(handle, taken);
    const linked = await viewWhen(handle, ({ state }) => state === 'linked');
    expect(linked.jobs[taken]?.state).toBe('completed');
    expect(world.calls.count(userId, 'register')).toBe(2);
    await expectUnlinked(world, handle, await cancelled(world, handle));
  });

  it('drops the webhook of a job that was refused', async () => {
    world.atomic.faults.add({ operation: REGISTER, kind: { status: 422 } });
    const { handle, userId } = await world.start({ jobs: [EMPLOYER, RECURRING] });
    const waiting = await viewWhen(handle, ({ jobs }) =>
      [jobs[EMPLOYER], jobs[RECURRING]].some((job) => job?.state === 'registered'),
    );
    const refused = waiting.jobs[EMPLOYER]?.state === 'failed' ? EMPLOYER : RECURRING;
    const taken = refused === EMPLOYER ? RECURRING : EMPLOYER;
    await webhook(handle, refused);
    await webhook(handle, taken);
    const linked = await viewWhen(handle, ({ jobs }) => jobs[taken]?.state === 'completed');
    expect(linked.jobs[refused]?.state).toBe('failed');
    const call = refused === EMPLOYER ? 'employer result' : 'recurring result';
    expect(world.calls.count(userId, call)).toBe(0);
  });

  it('fails the link when both jobs are refused, with cleanup', async () => {
    world.atomic.faults.add({ operation: REGISTER, times: 2, kind: { status: 422 } });
    const { handle, userId } = await world.start({ jobs: [EMPLOYER, RECURRING] });
    const ending = await endingOf(world, handle);
    await expectFailed(world, handle, ending, 'provider_rejected');
    expect(ending.view.jobs).toMatchObject({
      [EMPLOYER]: { state: 'failed', error: { code: 'provider_rejected' } },
      [RECURRING]: { state: 'failed', error: { code: 'provider_rejected' } },
    });
    expect(world.calls.of(userId).slice(-2)).toEqual(['delete', 'remove item']);
  });

  it('shows its error while Atomic is down, and fails with cleanup after 24 hours', async () => {
    world.atomic.faults.add({
      operation: REGISTER,
      times: 'always',
      when: 'after',
      kind: { status: 503, headers: { 'retry-after': '3600' } },
    });
    const { handle } = await world.start();
    await world.pass('22h');
    expect(await getLink(handle)).toMatchObject({
      state: 'registering',
      jobs: { [EMPLOYER]: { state: 'pending' } },
      error: { code: 'provider_unavailable', action: 'retry_later' },
    });
    // Each of those calls was taken, for all that was heard of it: the cleanup removes that too.
    await expectFailed(world, handle, await endingOf(world, handle), 'provider_unavailable');
  });
});
