import { EMPLOYER, getJob, viewWhen, webhook } from '../support/link-calls';
import { useWorld } from '../support/world';
import { cancelled, expectUnlinked } from './support/ending';

const world = useWorld({ skipsTime: true });
/** 1,000 KiB, as Atomic sends them. */
const CAP_BYTES = 1_024_000;

describe('result size', () => {
  async function fetched(bytes: number) {
    const { handle, userId } = await world.start();
    world.atomic.setResultBytes(EMPLOYER, userId, bytes);
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    await webhook(handle, EMPLOYER);
    const view = await viewWhen(handle, ({ state }) => state === 'linked');
    return { handle, userId, job: view.jobs[EMPLOYER] };
  }

  it('keeps a result of exactly the cap whole', async () => {
    const { handle, job } = await fetched(CAP_BYTES);
    expect(job).toMatchObject({ state: 'completed' });
    const report = await getJob(handle, EMPLOYER);
    expect(Buffer.byteLength(JSON.stringify({ data: report?.result }))).toBe(CAP_BYTES);
    await expectUnlinked(world, handle, await cancelled(world, handle));
  });

  it.each([CAP_BYTES + 1, 4_200_000])(
    'fails the job at once for a result of %d bytes, and the link stays',
    async (bytes) => {
      const { handle, userId, job } = await fetched(bytes);
      expect(job).toMatchObject({
        state: 'failed',
        error: { code: 'result_too_large', action: 'contact_support' },
      });
      expect(await getJob(handle, EMPLOYER)).not.toHaveProperty('result');
      expect(world.calls.count(userId, 'employer result')).toBe(1);
      await world.pass('2d');
      expect(world.calls.count(userId, 'employer result')).toBe(1);
    },
  );

  it('completes the job by a later webhook once the result fits', async () => {
    const { handle, userId } = await fetched(CAP_BYTES + 1);
    world.atomic.clearResult(EMPLOYER, userId);
    await webhook(handle, EMPLOYER);
    const view = await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed');
    expect(view.jobs[EMPLOYER]).not.toHaveProperty('error');
  });
});
