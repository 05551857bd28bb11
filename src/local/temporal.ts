import { homedir } from 'node:os';
import path from 'node:path';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { SEARCH_ATTRIBUTE_TYPES } from '../contract/names';
import { cacheFolder } from '../dev-server/cache-folder';
import { startDevServer } from '../dev-server/dev-server';
import { findTemporalServer } from '../dev-server/temporal-server';
import { StartError } from '../process/start-error';
import type { LocalSettings } from '../settings/schemas';
import { DATA_FOLDER } from '../system/data-folder';

export interface LocalTemporal {
  connectConfig: ClientConnectConfig;
  address: string;
  /** Undefined for a server that was there before. */
  uiUrl: string | undefined;
  /** Rejects when a server that was started here ends by itself. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

/**
 * The server that TEMPORAL_ADDRESS names, else a dev server of our own: with `dbFile` what it holds outlives it. `say` hears
 * of long steps.
 */
export async function startLocalTemporal(
  settings: LocalSettings,
  env: { PATH?: string | undefined; XDG_CACHE_HOME?: string | undefined },
  options: {
    port: number;
    uiPort: number;
    codecEndpoint: string;
    dbFile?: string;
    say: (line: string) => void;
  },
): Promise<LocalTemporal> {
  const { connectConfig, namespace } = settings.temporal;
  if (settings.temporalIsGiven) {
    const { address = '' } = connectConfig.connectionOptions;
    const never = new Promise<void>(() => undefined);
    return { connectConfig, address, uiUrl: undefined, ended: never, stop: async () => undefined };
  }
  const { port, uiPort, codecEndpoint, dbFile, say } = options;
  const cacheDir = cacheFolder({ home: homedir(), xdgCacheHome: env.XDG_CACHE_HOME });
  const search = { path: env.PATH ?? '', cacheDir, log: say };
  const server = await startDevServer({
    serverPath: await findTemporalServer(search).catch(asStartError),
    port,
    uiPort,
    codecEndpoint,
    namespace,
    ...(dbFile !== undefined && { dbFile }),
    searchAttributes: SEARCH_ATTRIBUTE_TYPES,
    logFile: path.join(DATA_FOLDER, 'temporal.log'),
  }).catch(asStartError);
  return {
    // What a profile of Temporal's own config file says of other servers does not hold for this one.
    connectConfig: { connectionOptions: { address: server.address }, namespace },
    address: server.address,
    uiUrl: server.uiUrl,
    ended: server.exited.then(({ asked, logTail }) => {
      if (!asked) throw new StartError(`The Temporal dev server ended by itself.\n${logTail}`);
    }),
    stop: server.stop,
  };
}

/** The words of the dev server's errors are ours, but for the end of its own output. */
function asStartError(error: unknown): never {
  throw new StartError(error instanceof Error ? error.message : 'The Temporal dev server did not start.');
}
