import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, type Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { type NativeConnection, Worker } from '@temporalio/worker';
import { createActivities } from '../../../activities';
import { UPDATES } from '../../../src/contract/names';
import { createDataConverter } from '../../../src/encryption/data-converter';
import { parseKeyRing } from '../../../src/encryption/key-ring';
import { SealingKeys } from '../../../src/encryption/sealing-keys';
import { createTokenOpener } from '../../../src/encryption/token-sealer';
import { atOnce } from '../../faults/support/at-once';
import { EMPLOYER, getJob, getLink, type Handle, plaidWebhook, webhook } from '../../support/link-calls';
import { markdownTable } from '../../support/markdown-table';
import { runReplays } from '../../support/replay';
import { type HistoryEvent, historiesOf } from '../../support/run-chain';
import { within } from '../../support/within';
import { startWorld, type World } from '../../support/world';
import { makeBuilds } from './builds';

/** What a month may leave in a history: a job, a repair, its days. */
export const MOST_EVENTS = 300;
const DAY_MS = 24 * 3_600_000;
const MONTHS = 12;
/** Time passes in such steps, so that no more than these days' timers come due at once. */
const STEP_MS = 5 * DAY_MS;
const DAYS_IN_MONTH = 30;
const DAYS_BEFORE_DEPLOYMENT = 10;
const AT_ONCE = 10;
/** Each of the links has a repair in every so many months. */
const REPAIR_EVERY = 5;
/** In every so many months Atomic's webhook of a link is lost, and its result comes by poll. */
const LOST_WEBHOOK_EVERY = 7;
/** A look costs a replay of the run. */
const LOOK_EVERY_MS = 50;
const PATIENCE_MS = 300_000;

const [K1, K2] = ['k1', 'k2'].map((id) => `${id}:${randomBytes(32).toString('base64')}`);
/** What is deployed in the middle of a month, and of every open run. */
const DEPLOYMENTS: Readonly<Record<number, { build: number; keys: string }>> = {
  3: { build: 1, keys: `${K1}` },
  4: { build: 1, keys: `${K1},${K2}` },
  5: { build: 1, keys: `${K2},${K1}` },
  6: { build: 2, keys: `${K2},${K1}` },
  8: { build: 2, keys: `${K2}` },
  9: { build: 3, keys: `${K2}` },
};

export interface Month {
  month: number;
  build: number;
  keys: string;
  jobs: number;
  repairs: number;
  /** Runs that ended, all links together. */
  renewals: number;
  /** Events of the longest history of the month. */
  mostEvents: number;
  /** Histories that were replayed, under the build before and the one after. */
  replayed: number;
  seconds: number;
}

export interface Year {
  months: Month[];
  runs: number;
  mostEvents: number;
  replayed: number;
}

interface Life {
  userId: string;
  itemId: string;
  handle: Handle;
  /** Results that Atomic was asked for. */
  jobs: number;
}

/**
 * So many links live a year on a time-skipping server: a job a month, repairs, lost webhooks, a rotation of the keys, three
 * deployments with a patch each, and a new run at least every 30 days. Throws when anything is lost or done twice, when a
 * history does not replay under the build before and after a deployment, and when one grows beyond `mostEvents`.
 */
export async function liveAYear(options: {
  address: string;
  links: number;
  mostEvents: number;
  log: (line: string) => void;
}): Promise<Year> {
  const world = await startWorld({
    address: options.address,
    skipsTime: true,
    worker: 'none',
    providerTimeoutMs: 30_000,
    encryptionKeys: `${K1}`,
  });
  try {
    return await new YearOfLinks(world, await makeBuilds()).live(options);
  } finally {
    await world.close();
  }
}

class YearOfLinks {
  readonly #world: World;
  readonly #connection: Connection;
  readonly #nativeConnection: NativeConnection;
  readonly #builds: readonly { code: string }[];
  #lives: readonly Life[] = [];
  #deployed = { build: 0, keys: `${K1}` };
  #stopWorker: () => Promise<void> = async () => undefined;

  constructor(world: World, builds: readonly { code: string }[]) {
    this.#world = world;
    this.#connection = world.temporal.connection;
    this.#nativeConnection = world.nativeConnection;
    this.#builds = builds;
  }

  async live({
    links,
    mostEvents,
    log,
  }: {
    links: number;
    mostEvents: number;
    log: (line: string) => void;
  }): Promise<Year> {
    const { atomic } = this.#world;
    // A poll that finds the result of an earlier run goes on waiting for the next one.
    atomic.setResultBy(EMPLOYER, undefined, ({ userId, run }) => [{ employerOf: userId, run }]);
    const months: Month[] = [];
    let runsBefore = links;
    this.#stopWorker = await this.#startWorker();
    try {
      this.#lives = await atOnce(AT_ONCE, Array.from({ length: links }), async () => {
        const { handle, userId, itemId } = await this.#world.start({ jobs: [EMPLOYER] });
        return { handle, userId, itemId, jobs: 1 };
      });
      for (let month = 1; month <= MONTHS; month++) {
        const startedAt = performance.now();
        await this.#jobs(month);
        await this.#pass(DAYS_BEFORE_DEPLOYMENT * DAY_MS);
        const replayed = await this.#deploy(month);
        const repairs = await this.#repairs(month);
        await this.#pass((DAYS_IN_MONTH - DAYS_BEFORE_DEPLOYMENT) * DAY_MS);
        const chains = await this.#chains();
        const runs = chains.reduce((sum, chain) => sum + chain.length, 0);
        months.push({
          ...{ month, build: this.#deployed.build, jobs: links, repairs, replayed },
          keys: parseKeyRing(this.#deployed.keys).ids.join(', '),
          renewals: runs - runsBefore,
          mostEvents: Math.max(...chains.flatMap((chain) => chain.slice(-2).map(({ length }) => length))),
          seconds: Math.round((performance.now() - startedAt) / 1_000),
        });
        runsBefore = runs;
        log(`month ${month} is over`);
      }
      const chains = await this.#chains();
      // What the first build wrote is closed by now, and read by the last.
      const all = await this.#replay(this.#deployed.build, chains);
      await this.#nothingLost();
      const longest = Math.max(...chains.flat().map(({ length }) => length));
      if (longest > mostEvents) throw new Error(`A history has ${longest} events, of at most ${mostEvents}.`);
      return { months, runs: runsBefore, mostEvents: longest, replayed: all };
    } finally {
      await this.#stopWorker();
    }
  }

  /** Replaces the worker. Answers how many histories were replayed under the build before and the one after. */
  async #deploy(month: number): Promise<number> {
    const next = DEPLOYMENTS[month];
    if (next === undefined) return 0;
    const before = this.#deployed;
    await this.#stopWorker();
    this.#deployed = next;
    let replayed = 0;
    if (next.build !== before.build) {
      const open = (await this.#chains()).map((chain) => chain.slice(-1));
      for (const build of [before.build, next.build]) replayed += await this.#replay(build, open);
    }
    this.#stopWorker = await this.#startWorker();
    return replayed;
  }

  async #startWorker(): Promise<() => Promise<void>> {
    const { taskQueue, providers, settings } = this.#world;
    const { build, keys } = this.#deployed;
    const keyRing = parseKeyRing(keys);
    const sealer = createTokenOpener({ keys: SealingKeys.derivedFrom(keyRing), namespace: 'default' });
    const worker = await Worker.create({
      connection: this.#nativeConnection,
      namespace: 'default',
      taskQueue,
      workflowBundle: this.#bundle(build),
      activities: createActivities({
        ...providers,
        sealer,
        settings,
        postNotification: async () => undefined,
      }),
      dataConverter: createDataConverter({ keyRing, namespace: 'default' }),
      shutdownGraceTime: '1s',
      // Each task replays its run. With a cache, tasks would go to a worker that is gone until the server's clock, which stands
      // still while links are busy, lets them go.
      maxCachedWorkflows: 0,
    });
    const running = worker.run();
    return async () => {
      worker.shutdown();
      await running;
    };
  }

  #bundle(build: number): { code: string } {
    const bundle = this.#builds[build];
    if (bundle === undefined) throw new Error(`There is no build ${build}.`);
    return bundle;
  }

  /** The link's handle, with the keys of the day. */
  #handle(life: Life): Handle {
    const dataConverter = createDataConverter({
      keyRing: parseKeyRing(this.#deployed.keys),
      namespace: 'default',
    });
    const client = new Client({ connection: this.#connection, namespace: 'default', dataConverter });
    const handle = client.workflow.getHandle(life.handle.workflowId);
    return Object.assign(handle, { firstExecutionRunId: life.handle.firstExecutionRunId });
  }

  /** A job for each link. */
  async #jobs(month: number): Promise<void> {
    await atOnce(AT_ONCE, [...this.#lives.entries()], async ([index, life]) => {
      const handle = this.#handle(life);
      // Its first one came with it.
      if (month > 1) {
        await patiently(`${life.userId} to be asked for a job`, askForJob(handle));
        life.jobs += 1;
      }
      await viewOf(handle, life, (view) => view.jobs[EMPLOYER]?.state === 'registered');
      if ((index + month) % LOST_WEBHOOK_EVERY !== 0) await webhook(handle, EMPLOYER);
    });
  }

  /** Results that are polled for have come with the time. Answers the number of repairs. */
  async #repairs(month: number): Promise<number> {
    await atOnce(AT_ONCE, this.#lives, (life) =>
      viewOf(this.#handle(life), life, ({ state }) => state === 'linked'),
    );
    const repaired = this.#lives.filter((_, index) => (index + month) % REPAIR_EVERY === 0);
    await atOnce(AT_ONCE, repaired, (life) => this.#repair(life));
    return repaired.length;
  }

  async #repair(life: Life): Promise<void> {
    const { plaid } = this.#world;
    const handle = this.#handle(life);
    await plaid.requireLogin(life.itemId, { webhook: false });
    await plaidWebhook(handle, { kind: 'sign_in_required', itemId: life.itemId });
    await viewOf(handle, life, ({ state }) => state === 'needs_attention');
    await plaid.repair(life.itemId, { webhook: false });
    await patiently(
      `the repair of ${life.userId}`,
      handle.executeUpdate(UPDATES.confirmRepair, { args: [{}] }),
    );
    await viewOf(handle, life, ({ state }) => state === 'linked');
  }

  async #pass(milliseconds: number): Promise<void> {
    const { testService } = this.#connection;
    if (!testService) throw new Error('This server cannot skip time.');
    for (let leftMs = milliseconds; leftMs > 0; leftMs -= STEP_MS) {
      const duration = msToTs(Math.min(leftMs, STEP_MS));
      await patiently('time to pass', testService.unlockTimeSkippingWithSleep({ duration }));
    }
  }

  #chains(): Promise<HistoryEvent[][][]> {
    return atOnce(AT_ONCE, this.#lives, (life) => historiesOf({ client: this.#world.client }, life.handle));
  }

  /** Replays under a build, as a worker does that has none of the runs in its cache. Answers how many. */
  async #replay(build: number, chains: readonly HistoryEvent[][][]): Promise<number> {
    const histories = chains.flatMap((chain, index) => {
      const workflowId = this.#lives[index]?.handle.workflowId ?? '';
      return chain.map((events) => ({ workflowId, history: { events } }));
    });
    const dataConverter = createDataConverter({
      keyRing: parseKeyRing(`${K2},${K1}`),
      namespace: 'default',
    });
    const replays = runReplays({ workflowBundle: this.#bundle(build), dataConverter }, histories);
    for await (const { workflowId, error } of replays) {
      if (error) throw new Error(`${workflowId} does not replay under build ${build}: ${error.message}`);
    }
    return histories.length;
  }

  async #nothingLost(): Promise<void> {
    const { atomic, plaid } = this.#world;
    await atOnce(AT_ONCE, this.#lives, async (life) => {
      const { userId, jobs } = life;
      const handle = this.#handle(life);
      const [view, job] = [await getLink(handle), await getJob(handle, EMPLOYER)];
      const made = atomic.ledger.effects('registration_stored', userId).length;
      const exchanges = plaid.ledger.requests('/item/public_token/exchange', userId).length;
      const is = { state: view.state, run: job?.run, result: job?.result, made, exchanges };
      const shouldBe = {
        state: 'linked',
        run: jobs,
        result: [{ employerOf: userId, run: jobs }],
        made: jobs,
        exchanges: 1,
      };
      if (JSON.stringify(is) !== JSON.stringify(shouldBe)) {
        throw new Error(`${userId} is ${JSON.stringify(is)} instead of ${JSON.stringify(shouldBe)}`);
      }
      await handle.cancel();
    });
    await atOnce(AT_ONCE, this.#lives, async (life) => {
      await viewOf(this.#handle(life), life, ({ state }) => state === 'unlinked');
      if (!atomic.nothingLeft(life.userId) || !plaid.nothingLeft(life.userId)) {
        throw new Error(`${life.userId} has left something behind.`);
      }
    });
  }
}

/** Temporal refuses an update while a run gives way to the next. */
async function askForJob(handle: Handle): Promise<void> {
  for (;;) {
    try {
      await handle.executeUpdate(UPDATES.runJob, { args: [{ job: EMPLOYER }] });
      return;
    } catch (error) {
      const cause = error instanceof Error ? String(error.cause) : '';
      if (!cause.includes('unexpected workflow task failure')) throw error;
    }
  }
}

async function viewOf(
  handle: Handle,
  { userId }: Life,
  isWanted: (view: Awaited<ReturnType<typeof getLink>>) => boolean,
): Promise<void> {
  for (const endMs = Date.now() + PATIENCE_MS; ; await delay(LOOK_EVERY_MS)) {
    const view = await getLink(handle);
    if (isWanted(view)) return;
    if (Date.now() > endMs)
      throw new Error(`The link of ${userId} did not get there: ${JSON.stringify(view)}`);
  }
}

function patiently<T>(what: string, promise: Promise<T>): Promise<T> {
  return within(what, promise, { timeoutMs: PATIENCE_MS });
}

/** As Markdown. */
export function yearTable({ months, runs, mostEvents, replayed }: Year): string {
  const head = [
    'month',
    'build',
    'keys',
    'jobs',
    'repairs',
    'renewals',
    'longest history',
    'replayed',
    'seconds',
  ];
  const rows = months.map((one) => [
    ...[one.month, one.build, one.keys, one.jobs, one.repairs, one.renewals],
    ...[one.mostEvents, one.replayed, one.seconds],
  ]);
  return `${markdownTable(head, rows)}\n\n${runs} runs, the longest of ${mostEvents} events; all ${replayed} replay under the last build. Nothing was lost, nothing done twice.`;
}
