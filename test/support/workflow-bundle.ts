import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { z } from 'zod';
import { failureConverterPath } from '../../src/temporal/data-converter';
import { askDoor, DOOR_VARIABLE } from './run-door';

const bundleSchema = z.object({ code: z.string() });
type Bundle = z.infer<typeof bundleSchema>;

let bundle: Promise<Bundle> | undefined;

/** The workflow bundle, made once for all test files of a run. */
export function workflowBundle(): Promise<Bundle> {
  bundle ??= process.env[DOOR_VARIABLE] === undefined ? makeWorkflowBundle() : askForBundle();
  return bundle;
}

async function askForBundle(): Promise<Bundle> {
  return bundleSchema.parse(await askDoor('workflow-bundle'));
}

export async function makeWorkflowBundle(): Promise<Bundle> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(__dirname, '../../workflows/index.ts'),
    failureConverterPath,
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error },
  });
  return { code };
}
