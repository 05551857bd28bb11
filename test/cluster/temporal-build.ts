import { readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { withBuildLock } from '../../src/dev-server/build-lock';
import { findOnPath, isExecutable } from '../../src/dev-server/executable-files';
import { buildFromGoModules } from '../../src/dev-server/go-build';
import { temporalSearch } from '../support/temporal-binaries';

/** One Go module for each version, named by it. */
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
  return (await readdir(MODULES)).sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
}

/** The version that an upgrade to `version` comes from. */
export async function versionBefore(version: string): Promise<string> {
  const versions = await temporalVersions();
  const before = versions[versions.indexOf(version) - 1];
  if (before === undefined) throw new Error(`${MODULES} has no version before ${version}.`);
  return before;
}

/** The Temporal server and its SQL tool: cached, or built from Go modules, once. */
export async function buildTemporal(version: string): Promise<TemporalBuild> {
  if (!(await temporalVersions()).includes(version)) {
    throw new Error(`${MODULES} has no Go module for Temporal ${version}, which docker-compose.yml runs.`);
  }
  const { path: searchPath, cacheDir, log } = temporalSearch();
  const folder = path.join(cacheDir, `temporal-server-${version}`);
  const build = { version, server: path.join(folder, 'server'), sqlTool: path.join(folder, 'sql') };
  const isThere = async () => (await isExecutable(build.server)) && (await isExecutable(build.sqlTool));
  const make = async () => {
    // Another process may have made it while this one waited for the lock.
    if (await isThere()) return;
    const go = await findOnPath('go', `${searchPath}${path.delimiter}/usr/local/go/bin`);
    if (go === undefined) {
      throw new Error(
        'Temporal is built from Go modules here: install Go 1.26.8 or later and have `go` on the PATH.',
      );
    }
    const what = `Temporal ${version} and its SQL tool`;
    log(`Building ${what} from Go modules: about 11 minutes on 2 cores, once. It is kept in ${cacheDir}.`);
    const options = {
      ...{ go, moduleFolder: path.join(MODULES, version), packages: PACKAGES, linkerFlags: '-s -w' },
      ...{ cacheDir, what, log, timeoutMs: BUILD_TIMEOUT_MS },
    };
    await buildFromGoModules(options, (built) => rename(built, folder));
  };
  if (!(await isThere())) {
    await withBuildLock(
      { folder: cacheDir, name: `temporal-server-${version}`, timeoutMs: BUILD_TIMEOUT_MS, log },
      make,
    );
  }
  return build;
}
