import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PROJECT = path.resolve(__dirname, '../..');
const COMPILER = path.join(PROJECT, 'node_modules/typescript/bin/tsc');

/**
 * Builds the service into a folder of its own, as `npm run build` does: JavaScript and workflow bundle. Types are not
 * checked here. Answers the folder; {@link removeBuild} takes it away. `config` may build more than the service.
 */
export async function buildService(config = 'tsconfig.build.json'): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'processor-link-build-'));
  await run(
    process.execPath,
    [COMPILER, '-p', config, '--noCheck', '--declaration', 'false', '--outDir', folder],
    { cwd: PROJECT },
  );
  await symlink(path.join(PROJECT, 'node_modules'), path.join(folder, 'node_modules'), 'dir');
  await run(process.execPath, [path.join(folder, 'src/commands/build-workflow-bundle.js')], { cwd: folder });
  return folder;
}

export async function removeBuild(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
