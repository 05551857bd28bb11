/** A new build and back again. All that an operator may meet is in `rollout.long.test.ts`. */

import { EMPLOYER, RECURRING, webhook } from '../support/link-calls';
import { useSdkLog } from '../support/sdk-log';
import { buildsOf, finish, hasEmployer, isWaiting, type Rollout, startRollout } from './support/rollout';

jest.setTimeout(120_000);

let rollout: Rollout;
useSdkLog();
beforeAll(async () => {
  rollout = await startRollout();
});
afterAll(() => rollout?.close());

it('moves links to the promoted build at their next task, and back to the one before', async () => {
  const start = async () => (await rollout.world.start({ jobs: [EMPLOYER, RECURRING] })).handle;
  await rollout.deploy('1');
  await rollout.promote('1');
  const [moved, untouched] = [await start(), await start()];
  await Promise.all([moved, untouched].map(isWaiting));

  await rollout.deploy('2', 'next');
  await rollout.promote('2');
  await webhook(moved, EMPLOYER);
  await hasEmployer(moved);
  await finish(moved);
  expect(await buildsOf(moved)).toEqual(['1', '2']);

  await rollout.promote('1');
  await finish(untouched);
  expect(await buildsOf(untouched)).toEqual(['1']);
});
