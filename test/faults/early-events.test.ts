/** A worker that has a link not in its cache is asked about it while events of it come in. */
import { QueryNotRegisteredError } from '@temporalio/client';
import { QUERIES } from '../../src/contract/names';
import { EMPLOYER, settled, viewWhen, webhook } from '../support/link-calls';
import { expectToReplay } from '../support/replay';
import { useWorld } from '../support/world';

const LINKS = 8;

jest.setTimeout(180_000);

const world = useWorld();

it('refuses a query that meets events before the task that brings them, and the link goes on', async () => {
  const handles = await Promise.all(
    Array.from({ length: LINKS }, async () => {
      const { handle } = await world.start();
      await viewWhen(handle, ({ state }) => state === 'waiting');
      return handle;
    }),
  );
  let refused = 0;
  // Which of the two a worker is given first is for the server to choose.
  while (refused === 0) {
    await world.stopWorker();
    const reads = handles.map((handle) =>
      handle.query(QUERIES.getLink).catch((error: unknown) => {
        if (!(error instanceof QueryNotRegisteredError)) throw error;
        refused += 1;
      }),
    );
    await Promise.all(handles.map((handle) => handle.describe()));
    await Promise.all(handles.map((handle) => webhook(handle, EMPLOYER)));
    await world.restartWorker();
    await Promise.all(reads);
  }

  for (const handle of handles) {
    expect((await settled(handle, EMPLOYER))?.state).toBe('completed');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow('Workflow execution cancelled');
  }
  await expectToReplay(world, handles);
});
