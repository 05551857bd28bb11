import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './run-command';

export interface GoBuildOptions {
  /** The `go` command. */
  go: string;
  /** Folder with a go.mod and a go.sum that pin everything. */
  moduleFolder: string;
  packages: readonly string[];
  linkerFlags?: string;
  cacheDir: string;
  /** What is built, for the progress lines. */
  what: string;
  log: (line: string) => void;
  timeoutMs: number;
  /** Time between two lines of progress. */
  progressEveryMs?: number | undefined;
}

/**
 * Builds commands from Go modules. `keep` is handed the folder that holds the executables, each named as the last part of its
 * package, and moves away what it wants: the folder is deleted after it. Throws with the compiler's words when the build fails.
 */
export async function buildFromGoModules(
  options: GoBuildOptions,
  keep: (folder: string) => Promise<void>,
): Promise<void> {
  const {
    go,
    moduleFolder,
    packages,
    linkerFlags = '',
    cacheDir,
    what,
    log,
    timeoutMs,
    progressEveryMs,
  } = options;
  const startedAt = Date.now();
  await mkdir(cacheDir, { recursive: true });
  const folder = await mkdtemp(join(cacheDir, 'build-'));
  try {
    await cp(moduleFolder, folder, { recursive: true });
    const executables = join(folder, 'executables');
    await mkdir(executables);
    // -mod=readonly: what go.mod and go.sum do not name with a checksum is refused.
    const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false'];
    const linker = ['-ldflags', `-s -w ${linkerFlags}`];
    await runCommand(go, ['build', ...flags, ...linker, '-o', `${executables}/`, ...packages], {
      cwd: folder,
      timeoutMs,
      ...(progressEveryMs === undefined ? {} : { progressEveryMs }),
      onProgress: (elapsedMs) => log(`Still building ${what} (${Math.round(elapsedMs / 1000)} s).`),
    });
    await keep(executables);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  log(`Built ${what} in ${Math.round((Date.now() - startedAt) / 1000)} s.`);
}
