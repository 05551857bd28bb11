import { homedir } from 'node:os';
import { cacheFolder } from '../../src/dev-server/cache-folder';
import type { FindServerOptions } from '../../src/dev-server/temporal-cli';

/** Where the tests look for Temporal's executables: where `npm start` does. */
export function temporalSearch(): FindServerOptions {
  return {
    path: process.env.PATH ?? '',
    cacheDir: cacheFolder({ home: homedir(), xdgCacheHome: process.env.XDG_CACHE_HOME }),
    log: (line) => process.stderr.write(`${line}\n`),
  };
}
