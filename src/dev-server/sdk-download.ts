import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isExecutable } from './executable-files';
import { runCommand } from './run-command';

/** A network that swallows packets shows no sign of life; a download that works brings some bytes in this time. */
const SILENCE_LIMIT_MS = 20_000;
const LOOK_EVERY_MS = 1_000;
const DOWNLOAD_TIMEOUT_MS = 10 * 60_000;
const PACKAGE = '@temporalio/testing';

/** `cli` is the dev server of the Temporal CLI, `test-server` the time-skipping one. */
export type SdkServer = 'cli' | 'test-server';

const SERVERS = {
  cli: { create: 'createLocal', filePrefix: 'temporal-sdk-typescript-' },
  'test-server': { create: 'createTimeSkipping', filePrefix: 'temporal-test-server-sdk-typescript-' },
} as const;

async function sdkVersion(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(require.resolve(`${PACKAGE}/package.json`), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
    return String(manifest.version);
  throw new Error(`${PACKAGE} has no version`);
}

async function downloadedFile(server: SdkServer, folder: string): Promise<string> {
  return join(folder, `${SERVERS[server].filePrefix}${await sdkVersion()}`);
}

/** The executable that {@link downloadWithSdk} of this version of the SDK left in `folder`; undefined when there is none. */
export async function findDownloaded(server: SdkServer, folder: string): Promise<string | undefined> {
  const file = await downloadedFile(server, folder);
  return (await isExecutable(file)) ? file : undefined;
}

/**
 * Lets @temporalio/testing download the server into `folder`, and answers its path. That happens in a process of
 * its own, because the SDK neither limits a download in time nor lets go of its runtime afterwards.
 */
export async function downloadWithSdk(
  server: SdkServer,
  folder: string,
  log: (line: string) => void,
): Promise<string> {
  const file = await downloadedFile(server, folder);
  const partial = `${file}.downloading`;
  await mkdir(folder, { recursive: true });
  // Left by a download that was killed; the SDK would wait for it.
  await rm(partial, { force: true });

  const script = `
    const { TestWorkflowEnvironment } = require('${PACKAGE}');
    const executable = { type: 'cached-download', downloadDir: process.argv[1] };
    TestWorkflowEnvironment.${SERVERS[server].create}({ server: { executable } }).then(
      (env) => env.teardown(),
      (error) => { console.error(error.message); process.exitCode = 1; },
    );`;
  const silence = new AbortController();
  const sizeOf = async (name: string) => (await stat(name).catch(() => undefined))?.size ?? 0;
  let lastSize = 0;
  let lastChangeAt = Date.now();
  const look = setInterval(async () => {
    const size = Math.max(await sizeOf(partial), await sizeOf(file));
    if (size !== lastSize) {
      lastSize = size;
      lastChangeAt = Date.now();
    } else if (Date.now() - lastChangeAt > SILENCE_LIMIT_MS) {
      silence.abort(new Error(`no data for ${SILENCE_LIMIT_MS / 1000} s`));
    }
  }, LOOK_EVERY_MS);
  try {
    await runCommand(process.execPath, ['-e', script, folder], {
      cwd: __dirname,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
      signal: silence.signal,
      onProgress: (elapsedMs) =>
        log(`Still downloading: ${Math.round(lastSize / 1e6)} MB in ${Math.round(elapsedMs / 1000)} s.`),
    });
  } catch (error) {
    // The script starts the server too. Where only that failed, there is a file, and whoever starts it says why.
    if (!(await isExecutable(file))) throw error;
  } finally {
    clearInterval(look);
  }
  return file;
}
