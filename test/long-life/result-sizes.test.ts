import { randomBytes } from 'node:crypto';
import { EMPLOYER, getJob, outcome, viewWhen, webhook } from '../support/link-calls';
import { useWorld } from '../support/world';

const KIB = 1024;
const world = useWorld();

it.each([
  ['100 KiB', 100 * KIB, 'completed'],
  ['900 KiB', 900 * KIB, 'completed'],
  ['1.1 MiB', Math.round(1.1 * KIB * KIB), 'result_too_large'],
  ['4.2 MiB', Math.round(4.2 * KIB * KIB), 'result_too_large'],
  ['50 MiB', 50 * KIB * KIB, 'result_too_large'],
])(
  'ends a job whose result has %s as %3$s, on a real server, and the link stays',
  async (_, bytes, end) => {
    const { atomic } = world;
    const userId = `user-${randomBytes(4).toString('hex')}`;
    const bare = Buffer.byteLength(JSON.stringify({ data: [{ text: '' }] }));
    // Noise, which the codec cannot make smaller.
    const text = randomBytes(bytes)
      .toString('base64')
      .slice(0, bytes - bare);
    atomic.setResult(EMPLOYER, userId, [{ text }]);
    const { handle } = await world.start({ userId });
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await webhook(handle, EMPLOYER);
    const view = await viewWhen(handle, ({ state }) => state === 'linked');
    const report = await getJob(handle, EMPLOYER);
    if (end === 'completed') {
      expect(view.jobs[EMPLOYER]).toMatchObject({ state: 'completed' });
      expect(report?.result).toEqual([{ text }]);
    } else {
      expect(view.jobs[EMPLOYER]).toMatchObject({ state: 'failed', error: { code: end } });
      expect(report).not.toHaveProperty('result');
    }
    atomic.clearResult(EMPLOYER, userId);
    await handle.cancel();
    expect(await outcome(handle)).toMatchObject({ status: 'CANCELLED', view: { state: 'unlinked' } });
  },
  60_000,
);
