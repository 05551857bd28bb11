import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { builtOnce } from './built-once';
import { findOnPath, isExecutable } from './executable-files';
import { type Attempts, ExecutableNotFoundError, findFirst } from './find-first';
import { runCommand } from './run-command';
import { downloadWithSdk, findDownloaded } from './sdk-download';
import type { FindServerOptions } from './temporal-cli';

/** The version that test-server/pom.xml names. */
const TEST_SERVER_VERSION = '1.38.0';
const MAVEN_PROJECT = join(__dirname, 'test-server');
const FETCH_TIMEOUT_MS = 10 * 60_000;

/**
 * Java is not told of its parent's death, so a loop beside it looks. `exec` keeps the process id, and so the
 * signals, for Java itself.
 */
const WRAPPER = `#!/bin/sh
parent=$PPID
self=$$
(
  while kill -0 "$parent" && kill -0 "$self"; do sleep 2; done
  kill "$self"
) </dev/null >/dev/null 2>&1 &
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$(dirname "$0")/lib/*" io.temporal.testserver.TestServer "$@"
`;

/**
 * The path of a time-skipping test server, for `TestWorkflowEnvironment.createTimeSkipping` with an executable of
 * type `existing-path`: in the cache, downloaded, or Java's from Maven, with a wrapper script. Two processes at once
 * make one between them. Throws {@link ExecutableNotFoundError} when every way fails.
 */
export async function findTestServer(options: FindServerOptions): Promise<string> {
  const { path, cacheDir, log } = options;
  const folder = join(cacheDir, `temporal-test-server-${TEST_SERVER_VERSION}`);
  const downloads = join(cacheDir, 'downloads');
  const download = options.download ?? ((to: string) => downloadWithSdk('test-server', to, log));

  const cached = async () => {
    const downloaded = await findDownloaded('test-server', downloads);
    if (downloaded !== undefined) return { path: downloaded };
    const wrapper = join(folder, 'temporal-test-server');
    if (!(await isExecutable(wrapper))) return { reason: `nothing in ${cacheDir}` };
    const java = await findOnPath('java', path);
    return java === undefined ? { reason: 'needs `java`, which is not on the PATH' } : { path: wrapper };
  };
  const attempts: Attempts = new Map();
  const found = await builtOnce({
    ...{ folder: cacheDir, name: 'temporal-test-server', timeoutMs: FETCH_TIMEOUT_MS, log },
    find: () => findFirst([{ name: 'the cached one', find: cached }], attempts),
    make: async () => {
      log('No time-skipping Temporal test server is cached: trying to download it.');
      return await findFirst(
        [
          { name: 'a download', find: async () => ({ path: await download(downloads) }) },
          { name: 'Java and Maven', find: () => collect(options, folder) },
        ],
        attempts,
      );
    },
  });
  if (found !== undefined) return found;
  throw new ExecutableNotFoundError('The time-skipping Temporal test server', attempts, [
    'install Java 11 or later and Maven, and have `java` and `mvn` on the PATH: the test server is then fetched, once',
    'run this once with access to the network',
  ]);
}

/** Fetches the jars with Maven, checks them, and puts them into `target` with the wrapper beside them. */
async function collect(options: FindServerOptions, target: string) {
  const { path, cacheDir, log } = options;
  for (const name of ['java', 'mvn']) {
    if ((await findOnPath(name, path)) === undefined)
      return { reason: `needs \`${name}\`, which is not on the PATH` };
  }
  const maven = (await findOnPath('mvn', path)) ?? 'mvn';
  log(
    `Fetching the time-skipping Temporal test server ${TEST_SERVER_VERSION} with Maven, once: about 40 MB.`,
  );
  await mkdir(cacheDir, { recursive: true });
  const folder = await mkdtemp(join(cacheDir, 'build-'));
  try {
    await copyFile(join(MAVEN_PROJECT, 'pom.xml'), join(folder, 'pom.xml'));
    const whole = join(folder, 'whole');
    const lib = join(whole, 'lib');
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${lib}`];
    await runCommand(maven, ['--batch-mode', '--quiet', '--strict-checksums', ...goal], {
      cwd: folder,
      timeoutMs: FETCH_TIMEOUT_MS,
      ...(options.progressEveryMs === undefined ? {} : { progressEveryMs: options.progressEveryMs }),
      onProgress: (elapsedMs) => log(`Still fetching the test server (${Math.round(elapsedMs / 1000)} s).`),
    });
    await checkJars(lib, await readFile(join(MAVEN_PROJECT, 'jars.sha256'), 'utf8'));
    await writeFile(join(whole, 'temporal-test-server'), WRAPPER, { mode: 0o755 });
    await rm(target, { recursive: true, force: true });
    await rename(whole, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { path: join(target, 'temporal-test-server') };
}

/**
 * Throws unless the folder holds exactly the files of `sums`, the output of sha256sum. Maven itself checks only that
 * what it fetched is what the registry has now.
 */
export async function checkJars(folder: string, sums: string): Promise<void> {
  const expected = new Map<string, string>();
  for (const line of sums.split('\n')) {
    const [sha256, name] = line.split(/\s+/);
    if (sha256 && name) expected.set(name, sha256);
  }
  const names = new Set([...expected.keys(), ...(await readdir(folder))]);
  const wrong: string[] = [];
  for (const name of [...names].sort()) {
    const bytes = await readFile(join(folder, name)).catch(() => undefined);
    const sha256 = bytes && createHash('sha256').update(bytes).digest('hex');
    if (sha256 === undefined || sha256 !== expected.get(name)) wrong.push(name);
  }
  if (wrong.length > 0) throw new Error(`wrong checksum, or not expected: ${wrong.join(', ')}`);
}
