import { NativeConnection } from '@temporalio/worker';
import { type LinkWorld, startLinkWorld } from '../../support/link-world';
import { useSdkLog } from '../../support/sdk-log';
import { connectTo, realServer } from '../../support/temporal';
import { startShortHistoryServer } from './short-history-server';

type Options = Omit<Parameters<typeof startLinkWorld>[0], 'connection' | 'nativeConnection'>;

/** A worker on a real server for the tests of one file: the shared one, or one of its own that wants short histories. */
export function useRealWorld(options: Options & { historyEvents?: number } = {}): () => LinkWorld {
  const { historyEvents, ...rest } = options;
  let world: LinkWorld | undefined;
  const closers: (() => Promise<unknown>)[] = [];

  useSdkLog();
  beforeAll(async () => {
    const server =
      historyEvents === undefined ? await realServer() : await startShortHistoryServer(historyEvents);
    if ('stop' in server) closers.unshift(server.stop);
    const connection = await connectTo(server.address);
    closers.unshift(() => connection.close());
    const nativeConnection = await NativeConnection.connect({ address: server.address });
    closers.unshift(() => nativeConnection.close());
    world = await startLinkWorld({ connection, nativeConnection, ...rest });
  });
  afterEach(() => {
    world?.plaid.faults.clear();
    world?.atomic.faults.clear();
  });
  afterAll(async () => {
    await world?.close();
    for (const close of closers) await close();
  });

  return () => {
    if (!world) throw new Error('The world is there once beforeAll has run.');
    return world;
  };
}
