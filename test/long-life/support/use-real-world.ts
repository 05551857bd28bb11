import { type LinkWorld, startLinkWorld, type WorldOptions } from '../../support/link-world';
import { useSdkLog } from '../../support/sdk-log';
import { startShortHistoryServer } from './short-history-server';

/** A worker on a real server for the tests of one file: the shared one, or one of its own that wants short histories. */
export function useRealWorld(options: WorldOptions & { historyEvents?: number } = {}): () => LinkWorld {
  const { historyEvents, ...rest } = options;
  let world: LinkWorld | undefined;
  let stopServer: (() => Promise<void>) | undefined;

  useSdkLog();
  beforeAll(async () => {
    const own = historyEvents === undefined ? undefined : await startShortHistoryServer(historyEvents);
    stopServer = own?.stop;
    world = await startLinkWorld({ ...rest, ...(own && { address: own.address }) });
  });
  afterEach(() => {
    world?.plaid.faults.clear();
    world?.atomic.faults.clear();
  });
  afterAll(async () => {
    await world?.close();
    await stopServer?.();
  });

  return () => {
    if (!world) throw new Error('The world is there once beforeAll has run.');
    return world;
  };
}
