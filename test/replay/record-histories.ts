/**
 * Records the golden histories, in place of those that are there: plays every path of a link against the simulators, on
 * real Temporal servers, with the workflow as it is now. `npm run record-histories`, optionally with names of paths.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { NOTIFICATION_WORKFLOW_TYPE, SEARCH_ATTRIBUTE_TYPES } from '../../src/contract/names';
import { type DevServer, startDevServer } from '../../src/dev-server/dev-server';
import { findTemporalServer } from '../../src/dev-server/temporal-server';
import { historiesOf, type HistoryEvent as RunEvent } from '../support/run-chain';
import { temporalSearch } from '../support/temporal-binaries';
import { DEFAULT_SETTINGS, startWorld, type World } from '../support/world';
import { fileOfHistory, goldenKeys, HISTORIES_FOLDER } from './golden-histories';
import { LINK_PATHS, type LinkPath, Player } from './link-paths';

/** For the path that continues as new: it does so after its jobs are done. */
const SHORT_HISTORY_EVENTS = 60;

const { HistoryEvent } = temporal.api.history.v1;

type Stage = NonNullable<LinkPath['on']> | 'usual';

async function main(): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const wanted = process.argv.slice(2);
  const paths = LINK_PATHS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  if (paths.length < wanted.length)
    throw new Error(`Paths are: ${LINK_PATHS.map(({ name }) => name).join(', ')}`);
  await mkdir(HISTORIES_FOLDER, { recursive: true });
  if (wanted.length === 0) {
    for (const file of await readdir(HISTORIES_FOLDER)) await rm(join(HISTORIES_FOLDER, file));
  }
  const stages = new Stages(await findTemporalServer(temporalSearch()), await goldenKeys());
  try {
    for (const path of paths) {
      const world = await stages.open(path.on ?? 'usual');
      await record(world, path);
    }
  } finally {
    await stages.close();
  }
}

async function record(world: World, { name, settings, play }: LinkPath): Promise<void> {
  Object.assign(world.settings, DEFAULT_SETTINGS, settings);
  const link = new Player(world);
  await play(link);
  const { client } = world;
  const histories = await historiesOf(world, link.handle);
  for (const [index, runId] of runIdsOf(link, histories).entries()) {
    await save(index === 0 ? name : `${name}-${index + 1}`, world, link.handle.workflowId, runId);
  }
  const [child] = histories
    .flat()
    .flatMap((event) => event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowId ?? []);
  if (child !== undefined) {
    await client.workflow.getHandle(child).result();
    await save(`${name}-${NOTIFICATION_WORKFLOW_TYPE}`, world, child);
  }
  if ((await link.handle.describe()).status.name === 'RUNNING') await link.unlinked();
  world.plaid.faults.clear();
  world.atomic.faults.clear();
}

/** The runs of a link, the first one first. */
function runIdsOf({ handle }: Player, histories: readonly RunEvent[][]): string[] {
  const next = histories.flatMap(
    (events) => events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? [],
  );
  return [handle.firstExecutionRunId, ...next];
}

/** One event a line, so that a change shows as what it is. */
async function save(name: string, { client }: World, workflowId: string, runId?: string): Promise<void> {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const events = history.events ?? [];
  const lines = events.map((event) => `${JSON.stringify(HistoryEvent.fromObject(event), withoutIdentity)}\n`);
  await writeFile(fileOfHistory(name), lines.join(''));
  process.stdout.write(`${name}: ${events.length} events\n`);
}

/** Who took a task is no matter of the workflow's, and names the machine. */
function withoutIdentity(key: string, value: unknown): unknown {
  return key === 'identity' ? undefined : value;
}

/** Workers on servers, each started when a path first wants it. */
class Stages {
  readonly #open = new Map<Stage, Promise<World>>();
  readonly #closers: (() => Promise<unknown>)[] = [];

  constructor(
    private readonly serverPath: string,
    private readonly encryptionKeys: string,
  ) {}

  open(stage: Stage): Promise<World> {
    const opened = this.#open.get(stage) ?? this.#start(stage);
    this.#open.set(stage, opened);
    return opened;
  }

  async #start(stage: Stage): Promise<World> {
    const server: DevServer = await startDevServer({
      serverPath: this.serverPath,
      searchAttributes: SEARCH_ATTRIBUTE_TYPES,
      ...(stage === 'short' && {
        dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': String(SHORT_HISTORY_EVENTS) },
      }),
    });
    this.#closers.unshift(() => server.stop());
    const world = await startWorld({ address: server.address, encryptionKeys: this.encryptionKeys });
    this.#closers.unshift(() => world.close());
    return world;
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
