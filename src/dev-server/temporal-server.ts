import { createHash } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { builtOnce } from './built-once';
import { findOnPath, isExecutable } from './executable-files';
import { buildFromGoModules } from './go-build';
import { type FindServerOptions, findTemporalCli } from './temporal-cli';

/** The version that docker-compose.yml runs and temporal-server/go.mod names; its go.sum holds the checksums of all modules. */
export const TEMPORAL_VERSION = '1.32.1';
/** Main is the dev server; the server and the SQL tool of a cluster are its tools. */
export const TEMPORAL_GO_MODULE = join(__dirname, 'temporal-server');
const BUILD_TIMEOUT_MS = 30 * 60_000;

/**
 * The path of the server for `startDevServer`: the project's own build, cached or made from Go modules now. Two processes at
 * once make one between them. Where it cannot be built, a Temporal CLI takes its place, and the version of its server.
 */
export async function findTemporalServer(options: FindServerOptions): Promise<string> {
  const { cacheDir, log } = options;
  const built = join(cacheDir, `temporal-dev-server-${TEMPORAL_VERSION}-${await digestOfModule()}`);
  try {
    return await builtOnce({
      ...{ folder: cacheDir, name: 'temporal-dev-server', timeoutMs: BUILD_TIMEOUT_MS, log },
      find: async () => ((await isExecutable(built)) ? built : undefined),
      make: () => build(options, built),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log(
      `Temporal ${TEMPORAL_VERSION} cannot be built: ${reason}. The server of a Temporal CLI takes its place.`,
    );
    return await findTemporalCli(options);
  }
}

async function build(options: FindServerOptions, target: string): Promise<string> {
  const { path, cacheDir, log, progressEveryMs } = options;
  const go = await findOnPath('go', path);
  if (go === undefined) throw new Error('`go` is not on the PATH');
  const what = `Temporal ${TEMPORAL_VERSION}`;
  log(`Building ${what} from Go modules: about 4 minutes on 2 cores, once. It is kept in ${cacheDir}.`);
  await buildFromGoModules(
    {
      ...{ go, moduleFolder: TEMPORAL_GO_MODULE, packages: ['.'], cacheDir, what, log, progressEveryMs },
      timeoutMs: BUILD_TIMEOUT_MS,
    },
    (folder) => rename(join(folder, 'temporal-server'), target),
  );
  return target;
}

/** Of all that is built: a module that was changed is built again. */
async function digestOfModule(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go'])
    hash.update(await readFile(join(TEMPORAL_GO_MODULE, file)));
  return hash.digest('hex').slice(0, 12);
}
