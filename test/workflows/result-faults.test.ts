import { EMPLOYER, getLink, RECURRING, viewWhen, webhook } from '../support/link-calls';
import { useWorld } from '../support/world';
import { cancelled, expectUnlinked } from './support/ending';
import {
  type FaultRow,
  failsJobWith,
  LINE_FAULTS,
  named,
  passes,
  playFault,
  status,
} from './support/fault-table';

const world = useWorld({ skipsTime: true });
const RESULT = 'GET employer-matches';

const ROWS: FaultRow[] = [
  ...LINE_FAULTS,
  { fault: 'no JSON', kind: { status: 200, body: 'hello' }, outcome: passes(2) },
  { ...status(500), times: 3, outcome: passes(4) },
  { ...status(503, 60), outcome: passes(2, 60) },
  { ...status(429), outcome: passes(2, 5) },
  { ...status(429, 90), outcome: passes(2, 90) },
  { ...status(404), outcome: passes(2) },
  { ...status(400), outcome: failsJobWith('provider_rejected', 1) },
  // An operator mends it meanwhile.
  { ...status(401), outcome: passes(2, 30) },
  { ...status(403), times: 2, outcome: passes(3, 90) },
  { fault: 'a huge body', kind: { hugeBodyBytes: 50_000_000 }, outcome: failsJobWith('result_too_large', 1) },
];

describe('a fault of the result', () => {
  it.each(named(ROWS))('is met: %s', (_, row) => playFault(world, 'employer result', row));

  it('fails one job and leaves the other alone', async () => {
    world.atomic.faults.add({ operation: RESULT, kind: { status: 400 } });
    const { handle } = await world.start({ jobs: [EMPLOYER, RECURRING] });
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await webhook(handle, EMPLOYER);
    await webhook(handle, RECURRING);
    const view = await viewWhen(handle, ({ state }) => state === 'linked');
    expect(view.jobs).toMatchObject({
      [EMPLOYER]: { state: 'failed', error: { code: 'provider_rejected' } },
      [RECURRING]: { state: 'completed' },
    });
    await expectUnlinked(world, handle, await cancelled(world, handle));
  });

  it('completes a job that failed by a later webhook', async () => {
    world.atomic.faults.add({ operation: RESULT, kind: { status: 400 } });
    const { handle } = await world.start();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await webhook(handle, EMPLOYER);
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'failed');
    await webhook(handle, EMPLOYER);
    const view = await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed');
    expect(view.jobs[EMPLOYER]).not.toHaveProperty('error');
  });

  it('leaves a result that cannot be read for an hour to the poll', async () => {
    const fault = world.atomic.faults.add({
      operation: RESULT,
      times: 'always',
      kind: { status: 503, headers: { 'retry-after': '1200' } },
    });
    const { handle } = await world.start();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await webhook(handle, EMPLOYER);
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'fetching');
    await world.pass('2h');
    expect((await getLink(handle)).state).toBe('waiting');
    fault.remove();
    const view = await world.viewLater(handle, ({ state }) => state === 'linked', '15m');
    expect(view.jobs[EMPLOYER]).toMatchObject({ state: 'completed', via: 'poll' });
  });
});
