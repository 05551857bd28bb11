import { z } from 'zod';
import { makeWorkflowBundle as bundle } from '../../src/worker/workflow-bundle';
import { askDoor, DOOR_VARIABLE } from './run-door';

const bundleSchema = z.object({ code: z.string() });
type Bundle = z.infer<typeof bundleSchema>;

let shared: Promise<Bundle> | undefined;

/** The workflow bundle, made once for all test files of a run. */
export function workflowBundle(): Promise<Bundle> {
  shared ??= process.env[DOOR_VARIABLE] === undefined ? makeWorkflowBundle() : askForBundle();
  return shared;
}

async function askForBundle(): Promise<Bundle> {
  return bundleSchema.parse(await askDoor('workflow-bundle'));
}

export function makeWorkflowBundle(): Promise<Bundle> {
  return bundle({ log() {}, trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error });
}
