/** Part of `npm run build`: bundles the workflows beside the built code, so that workers do not do it at start. */
import { writeFile } from 'node:fs/promises';
import { DefaultLogger } from '@temporalio/worker';
import { BUNDLE_FILE, makeWorkflowBundle } from '../worker/workflow-bundle';

async function build(): Promise<void> {
  const { code } = await makeWorkflowBundle(new DefaultLogger('WARN'));
  await writeFile(BUNDLE_FILE, code);
  process.stdout.write(`${BUNDLE_FILE}: ${Math.round(code.length / 1024)} KiB\n`);
}

build().catch((error: unknown) => {
  process.stderr.write(
    `The workflows could not be bundled: ${error instanceof Error ? error.message : ''}\n`,
  );
  process.exitCode = 1;
});
