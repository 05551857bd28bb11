import { existsSync } from 'node:fs';
import path from 'node:path';
import { bundleWorkflowCode, type Logger, type WorkflowBundleOption } from '@temporalio/worker';
import { failureConverterPath } from '../encryption/data-converter';

// Resolved as the module loads: sources and built code alike.
const WORKFLOWS = require.resolve('../../workflows');
const INTERCEPTORS = [require.resolve('../../workflows/sdk/interceptors')];

/** Beside the built code, where `npm run build` puts it. */
export const BUNDLE_FILE = path.join(__dirname, '..', '..', 'workflow-bundle.js');

/** The workflow code in one file: the prebuilt one, or in development one made of the sources. */
export async function workflowBundle(logger: Logger): Promise<WorkflowBundleOption> {
  return existsSync(BUNDLE_FILE) ? { codePath: BUNDLE_FILE } : makeWorkflowBundle(logger);
}

/** Bundles the workflows, about two seconds of work. */
export async function makeWorkflowBundle(logger: Logger): Promise<{ code: string }> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: WORKFLOWS,
    workflowInterceptorModules: INTERCEPTORS,
    failureConverterPath,
    logger,
  });
  return { code };
}
