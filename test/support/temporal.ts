import { randomUUID } from 'node:crypto';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { temporal } from '@temporalio/proto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { z } from 'zod';
import { SEARCH_ATTRIBUTE_TYPES } from '../../src/contract/names';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes';
import { askDoor } from './run-door';

const realServerSchema = z.object({ address: z.string(), namespace: z.string(), cliPath: z.string() });
/** `address` is `host:port`; `cliPath` a Temporal CLI to work on it with. */
export type RealServer = z.infer<typeof realServerSchema>;

/** The real dev server that all tests of a run share, with the search attributes. Kept in memory, started at the first call. */
export async function realServer(): Promise<RealServer> {
  return realServerSchema.parse(await askDoor('dev-server'));
}

/** A namespace of its own on the shared server: for whoever lists all links there are. */
export async function ownNamespace(): Promise<{ address: string; namespace: string }> {
  const { address } = await realServer();
  const namespace = `test-${randomUUID()}`;
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
    await ensureSearchAttributes(connection, namespace);
  } finally {
    await connection.close();
  }
  return { address, namespace };
}

/** The path of the Temporal CLI, for tests that start servers of their own. */
export async function temporalCli(): Promise<string> {
  return z.string().parse(await askDoor('temporal-cli'));
}

/** The folder of the built service, for tests that run its processes: built once a run, at the first call. */
export async function serviceBuild(): Promise<string> {
  return z.string().parse(await askDoor('build'));
}

/**
 * A time-skipping server of its own with the search attributes in namespace `default`; tear it down after use.
 * `result()` of a workflow that waits for a signal lets the clock run to the workflow's timeout: steer with signals and
 * `env.sleep`, and await the result at the end. It has no listing.
 */
export async function timeSkippingEnv(): Promise<TestWorkflowEnvironment> {
  const path = z.string().parse(await askDoor('test-server'));
  const env = await startTimeSkipping(path);
  const { IndexedValueType } = temporal.api.enums.v1;
  const types = {
    Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    KeywordList: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    Datetime: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
  };
  await env.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: Object.fromEntries(SEARCH_ATTRIBUTE_TYPES.map(([name, type]) => [name, types[type]])),
  });
  return env;
}

/** The SDK gives the server 5 s to start, which a machine under load may not keep. */
const START_ATTEMPTS = 6;

async function startTimeSkipping(path: string): Promise<TestWorkflowEnvironment> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await TestWorkflowEnvironment.createTimeSkipping({
        server: { executable: { type: 'existing-path', path } },
      });
    } catch (error) {
      if (attempt === START_ATTEMPTS || !String(error).includes('did not start within')) throw error;
    }
  }
}
