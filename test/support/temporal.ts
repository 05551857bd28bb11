import { get } from 'node:http';
import { temporal } from '@temporalio/proto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { z } from 'zod';
import { SEARCH_ATTRIBUTES } from '../../src/contract/names';
import { DOOR_VARIABLE } from './run-door';

const realServerSchema = z.object({ address: z.string(), namespace: z.string(), cliPath: z.string() });
/** `address` is `host:port`; `cliPath` a Temporal CLI to work on it with. */
export type RealServer = z.infer<typeof realServerSchema>;

/** The real dev server that all tests of a run share, with the search attributes. Kept in memory, started at the first call. */
export async function realServer(): Promise<RealServer> {
  return realServerSchema.parse(await ask('dev-server'));
}

/** The path of the Temporal CLI, for tests that start servers of their own. */
export async function temporalCli(): Promise<string> {
  return z.string().parse(await ask('temporal-cli'));
}

/**
 * A time-skipping server of its own with the search attributes in namespace `default`; tear it down after use.
 * `result()` of a workflow that waits for a signal lets the clock run to the workflow's timeout: steer with signals and
 * `env.sleep`, and await the result at the end. It has no listing.
 */
export async function timeSkippingEnv(): Promise<TestWorkflowEnvironment> {
  const path = z.string().parse(await ask('test-server'));
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
  const { INDEXED_VALUE_TYPE_KEYWORD, INDEXED_VALUE_TYPE_KEYWORD_LIST } =
    temporal.api.enums.v1.IndexedValueType;
  await env.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: {
      [SEARCH_ATTRIBUTES.linkState]: INDEXED_VALUE_TYPE_KEYWORD,
      [SEARCH_ATTRIBUTES.linkJobs]: INDEXED_VALUE_TYPE_KEYWORD_LIST,
      [SEARCH_ATTRIBUTES.plaidItemId]: INDEXED_VALUE_TYPE_KEYWORD,
    },
  });
  return env;
}

/** Asks the global set-up. Not by fetch, which gives up after 5 minutes: a build may take longer. */
async function ask(name: string): Promise<unknown> {
  const door = process.env[DOOR_VARIABLE];
  if (door === undefined)
    throw new Error(`${DOOR_VARIABLE} is not set: run the tests with Jest's global set-up.`);
  return await new Promise((resolve, reject) => {
    const request = get(`${door}/${name}`, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(text));
      });
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}
