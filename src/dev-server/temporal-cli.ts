import { execFile } from 'node:child_process';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { builtOnce } from './built-once';
import { findOnPath, isExecutable } from './executable-files';
import { type Attempts, ExecutableNotFoundError, findFirst } from './find-first';
import { buildFromGoModules } from './go-build';
import { downloadWithSdk, findDownloaded } from './sdk-download';

const execFileText = promisify(execFile);

/** The version that temporal-cli/go.mod names; its go.sum holds the checksums of all modules. */
export const TEMPORAL_CLI_VERSION = '1.5.1';
/** Older ones come with servers that nothing here has been tried on. */
const OLDEST = [1, 5, 0];
const VERSION_TIMEOUT_MS = 10_000;
const GO_PACKAGE = 'github.com/temporalio/cli/cmd/temporal';
const VERSION_VARIABLE = 'github.com/temporalio/cli/temporalcli.Version';
const GO_MODULE = join(__dirname, 'temporal-cli');
const BUILD_TIMEOUT_MS = 30 * 60_000;

export interface FindServerOptions {
  /** PATH, to look for executables in. */
  path: string;
  /** Folder that keeps what was downloaded or built: see `cacheFolder`. */
  cacheDir: string;
  /** Told of long steps, line by line. */
  log: (line: string) => void;
  /** In place of the SDK's download: answers the path of the executable that it put into `folder`. */
  download?: (folder: string) => Promise<string>;
  /** Time between two lines about a long step. */
  progressEveryMs?: number;
}

/**
 * The path of a Temporal CLI: on the PATH, in the cache, downloaded, or built from Go modules. Two processes at once make one
 * between them. Throws {@link ExecutableNotFoundError} when every way fails.
 */
export async function findTemporalCli(options: FindServerOptions): Promise<string> {
  const { path, cacheDir, log } = options;
  const built = join(cacheDir, `temporal-cli-${TEMPORAL_CLI_VERSION}`);
  const downloads = join(cacheDir, 'downloads');
  const download = options.download ?? ((folder: string) => downloadWithSdk('cli', folder, log));

  const cached = async () => {
    const file = (await isExecutable(built)) ? built : await findDownloaded('cli', downloads);
    return file === undefined ? { reason: `nothing in ${cacheDir}` } : { path: file };
  };
  const attempts: Attempts = new Map();
  const onPath = await findFirst(
    [
      {
        name: '`temporal` on the PATH',
        find: async () => {
          const file = await findOnPath('temporal', path);
          if (file === undefined) return { reason: 'not there' };
          const fault = await faultOf(file);
          if (fault === undefined) return { path: file };
          log(`The Temporal CLI on the PATH is passed over: ${fault}.`);
          return { reason: fault };
        },
      },
    ],
    attempts,
  );
  if (onPath !== undefined) return onPath;

  const found = await builtOnce({
    ...{ folder: cacheDir, name: 'temporal-cli', timeoutMs: BUILD_TIMEOUT_MS, log },
    find: () => findFirst([{ name: 'the cached one', find: cached }], attempts),
    make: async () => {
      log('No Temporal CLI is on the PATH or cached: trying to download it.');
      return await findFirst(
        [
          { name: 'a download', find: async () => ({ path: await download(downloads) }) },
          { name: 'a build from Go modules', find: () => build(options, built) },
        ],
        attempts,
      );
    },
  });
  if (found !== undefined) return found;
  throw new ExecutableNotFoundError('The Temporal CLI', attempts, [
    `install the Temporal CLI ${OLDEST.join('.')} or later (https://docs.temporal.io/cli)`,
    'install Go 1.26.8 or later (https://go.dev/doc/install), and a server is built here, once',
    'set TEMPORAL_ADDRESS to a Temporal server that runs already',
  ]);
}

/** Why an executable called `temporal` cannot be used; undefined for one that can. */
async function faultOf(file: string): Promise<string | undefined> {
  const text = await execFileText(file, ['--version'], { timeout: VERSION_TIMEOUT_MS }).then(
    ({ stdout }) => stdout,
    () => '',
  );
  const [, ...found] = /^temporal version v?(\d+)\.(\d+)\.(\d+)/.exec(text) ?? [];
  if (found.length === 0) return `${file} does not say which version of the Temporal CLI it is`;
  const isOld = found.map(Number).join('.').localeCompare(OLDEST.join('.'), 'en', { numeric: true }) < 0;
  return isOld ? `${file} is version ${found.join('.')}, and ${OLDEST.join('.')} is needed` : undefined;
}

async function build({ path, cacheDir, log, progressEveryMs }: FindServerOptions, target: string) {
  const go = await findOnPath('go', path);
  if (go === undefined) return { reason: 'needs `go`, which is not on the PATH' };
  log(
    `Building the Temporal CLI ${TEMPORAL_CLI_VERSION} from Go modules: about 5 minutes on 2 cores, once. It is kept in ${cacheDir}.`,
  );
  const options = {
    go,
    moduleFolder: GO_MODULE,
    packages: [GO_PACKAGE],
    linkerFlags: `-X ${VERSION_VARIABLE}=${TEMPORAL_CLI_VERSION}`,
    cacheDir,
    what: 'the Temporal CLI',
    log,
    timeoutMs: BUILD_TIMEOUT_MS,
    progressEveryMs,
  };
  await buildFromGoModules(options, (folder) => rename(join(folder, 'temporal'), target));
  return { path: target };
}
