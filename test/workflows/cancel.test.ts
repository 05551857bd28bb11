import { viewWhen } from '../support/link-world';
import { CANCEL_CASES, type CancelCase, type Setting } from './support/cancel-cases';
import { endingOf, expectUnlinked } from './support/ending';
import { PATHS, useLinkWorld, useTimeSkippingServer } from './support/use-link-world';

const server = useTimeSkippingServer();
const CASES: [string, CancelCase][] = Object.entries(CANCEL_CASES);
const SETTINGS: [Setting, Parameters<typeof useLinkWorld>[1]][] = [
  ['plain', {}],
  ['history', { settings: { waitForHistoryMs: 24 * 3_600_000 } }],
  ['notify', { settings: { notify: true } }],
];

describe.each(PATHS)('on the %s path, a cancel unlinks', (path) => {
  describe.each(SETTINGS)('with %s settings', (setting, options) => {
    const scene = useLinkWorld(server, { path, ...options });
    const cases = CASES.filter(([, one]) => (one.with ?? 'plain') === setting);

    it.each(cases)('%s', async (_, { arrive }) => {
      const { started, release, pending } = await arrive(scene);
      const { handle } = started;
      const over = Promise.allSettled([pending]);
      await handle.cancel();
      await viewWhen(handle, ({ state }) => state === 'unlinking' || state === 'unlinked');
      release?.();
      await expectUnlinked(scene, handle, await endingOf(scene, handle));
      await over;
    });
  });
});
