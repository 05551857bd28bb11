import { SEARCH_ATTRIBUTE_TYPES } from '../../src/contract/names';
import { type DevServer, startDevServer } from '../../src/dev-server/dev-server';
import { findTemporalCli } from '../../src/dev-server/temporal-cli';
import { findTemporalServer } from '../../src/dev-server/temporal-server';
import { findTestServer } from '../../src/dev-server/test-server';
import { DEFAULT_NAMESPACE } from '../../src/temporal/connection';
import { buildService, removeBuild } from './built-service';
import { DOOR_VARIABLE, RunDoor } from './run-door';
import { temporalSearch } from './temporal-binaries';
import { makeWorkflowBundle } from './workflow-bundle';

let devServer: Promise<DevServer> | undefined;
let temporalServer: Promise<string> | undefined;
let cli: Promise<string> | undefined;
let testServer: Promise<string> | undefined;
let build: Promise<string> | undefined;

const door = new RunDoor({
  'temporal-server': findServer,
  'temporal-cli': findCli,
  'dev-server': async () => {
    // A server of another version, where `npm run test:matrix` runs the tests against it.
    const { TEST_TEMPORAL_ADDRESS: address } = process.env;
    if (address !== undefined) return { address, namespace: DEFAULT_NAMESPACE };
    devServer = startDevServer({
      serverPath: await findServer(),
      searchAttributes: SEARCH_ATTRIBUTE_TYPES,
    });
    const server = await devServer;
    return { address: server.address, namespace: server.namespace };
  },
  'time-skipping-server': findTimeSkipping,
  build: () => {
    build = buildService();
    return build;
  },
  'workflow-bundle': makeWorkflowBundle,
});

function findServer(): Promise<string> {
  temporalServer ??= findTemporalServer(temporalSearch());
  return temporalServer;
}

function findCli(): Promise<string> {
  cli ??= findTemporalCli(temporalSearch());
  return cli;
}

function findTimeSkipping(): Promise<string> {
  testServer ??= findTestServer(temporalSearch());
  return testServer;
}

/**
 * Finds the executables now, because making them takes longer than a test may; whoever needs one hears why it is
 * missing. Servers are started at the first request for them.
 */
export async function openSharedServers({ withCli = false } = {}): Promise<void> {
  await Promise.allSettled([findServer()]);
  if (withCli) await Promise.allSettled([findCli()]);
  await Promise.allSettled([findTimeSkipping()]);
  process.env[DOOR_VARIABLE] = await door.open();
}

export async function closeSharedServers(): Promise<void> {
  await door.close();
  // A start that failed was told to those who asked.
  const server = await devServer?.catch(() => undefined);
  await server?.stop();
  const folder = await build?.catch(() => undefined);
  if (folder !== undefined) await removeBuild(folder);
}
