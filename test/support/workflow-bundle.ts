import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { failureConverterPath } from '../../src/temporal/data-converter';

/** Set by the global set-up: the bundle that all test files of a run share. */
export const BUNDLE_PATH_VARIABLE = 'PROCESSOR_LINK_TEST_BUNDLE';

/** The workflow bundle: the one of the whole run, or one made now. */
export async function workflowBundle(): Promise<{ code: string }> {
  const path = process.env[BUNDLE_PATH_VARIABLE];
  return path === undefined ? makeWorkflowBundle() : { code: await readFile(path, 'utf8') };
}

export function makeWorkflowBundle(): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({
    workflowsPath: join(__dirname, '../../workflows/index.ts'),
    failureConverterPath,
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error },
  });
}
