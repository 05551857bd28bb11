import { readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { builtOnce } from '../../src/dev-server/built-once';
import { findOnPath, isExecutable } from '../../src/dev-server/executable-files';
import { buildFromGoModules } from '../../src/dev-server/go-build';
import { TEMPORAL_GO_MODULE, TEMPORAL_VERSION } from '../../src/dev-server/temporal-server';
import { temporalSearch } from '../support/temporal-binaries';

/** One Go module for each version before that of the dev server, named by it. */
const MODULES = path.join(__dirname, 'temporal-server');
const PACKAGES = ['go.temporal.io/server/cmd/server', 'go.temporal.io/server/cmd/tools/sql'];
const BUILD_TIMEOUT_MS = 60 * 60_000;

export interface TemporalBuild {
  version: string;
  server: string;
  sqlTool: string;
}

/** The versions of the Temporal server that can be built, the oldest first. */
export async function temporalVersions(): Promise<string[]> {
  return [...(await readdir(MODULES)), TEMPORAL_VERSION].sort((one, other) =>
    one.localeCompare(other, 'en', { numeric: true }),
  );
}

/** The Go module that a version is built from. */
export function moduleOf(version: string): string {
  return version === TEMPORAL_VERSION ? TEMPORAL_GO_MODULE : path.join(MODULES, version);
}

/** The version that an upgrade to `version` comes from. */
export async function versionBefore(version: string): Promise<string> {
  const versions = await temporalVersions();
  const before = versions[versions.indexOf(version) - 1];
  if (before === undefined) throw new Error(`There is no Go module of a Temporal before ${version}.`);
  return before;
}

/** The Temporal server and its SQL tool: cached, or built from Go modules, once. */
export async function buildTemporal(version: string): Promise<TemporalBuild> {
  if (!(await temporalVersions()).includes(version)) {
    throw new Error(`There is no Go module of Temporal ${version}.`);
  }
  const { path: searchPath, cacheDir, log } = temporalSearch();
  const folder = path.join(cacheDir, `temporal-server-${version}`);
  const build = { version, server: path.join(folder, 'server'), sqlTool: path.join(folder, 'sql') };
  const find = async () =>
    (await isExecutable(build.server)) && (await isExecutable(build.sqlTool)) ? build : undefined;
  const make = async () => {
    const go = await findOnPath('go', `${searchPath}${path.delimiter}/usr/local/go/bin`);
    if (go === undefined) {
      throw new Error(
        'Temporal is built from Go modules here: install Go 1.26.8 or later and have `go` on the PATH.',
      );
    }
    const what = `Temporal ${version} and its SQL tool`;
    log(`Building ${what} from Go modules: about 4 minutes on 2 cores, once. It is kept in ${cacheDir}.`);
    const options = {
      ...{ go, moduleFolder: moduleOf(version), packages: PACKAGES },
      ...{ cacheDir, what, log, timeoutMs: BUILD_TIMEOUT_MS },
    };
    await buildFromGoModules(options, (built) => rename(built, folder));
    return build;
  };
  const name = `temporal-server-${version}`;
  return await builtOnce({ folder: cacheDir, name, timeoutMs: BUILD_TIMEOUT_MS, log, find, make });
}
