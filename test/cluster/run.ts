/**
 * `npm run test:cluster`: the service on a real cluster, without Docker: PostgreSQL, two nodes of the Temporal server of
 * docker-compose.yml, set up by its commands and settings, two APIs and two workers. Links are made while all of it fails and is
 * replaced; none may be lost, and nothing done twice that its history does not explain. Exits 1 otherwise. Options:
 *
 *   --links <n>    made while PostgreSQL is restarted (500); the other stages take a part of it
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { atOnce } from '../faults/support/at-once';
import { doneAgainWithoutReason } from '../faults/support/done-again';
import { markdownTable } from '../support/markdown-table';
import { Callers, JOB } from './callers';
import { type Cluster, startCluster } from './cluster';
import { buildTemporal, versionBefore } from './temporal-build';
import { composeVersion } from './temporal-cluster';

const AT_ONCE = 20;
const RESTART_EVERY_MS = { from: 5_000, to: 10_000 };
/** A slow machine must come to an end. */
const MOST_RESTARTS = 40;
const LISTED_WITHIN_MS = 60_000;

const { values: options } = parseArgs({ options: { links: { type: 'string', default: '500' } } });
const links = Number(options.links);
if (!Number.isInteger(links) || links < 10) throw new Error('--links is a number of at least 10.');

const startedAt = performance.now();
const seconds = (sinceMs: number) => ((performance.now() - sinceMs) / 1_000).toFixed(1);
const say = (line: string) => process.stderr.write(`${seconds(startedAt).padStart(6)} s  ${line}\n`);

interface Stage {
  name: string;
  seconds: string;
  links: number;
  /** Calls that were turned away or not answered, and made again. */
  repeated: number;
  what: string;
}

async function main(): Promise<void> {
  const current = composeVersion();
  const [before, after] = [await buildTemporal(await versionBefore(current)), await buildTemporal(current)];
  const cluster = await startCluster({ build: before, nodes: 2, apis: 2, workers: 2, log: say });
  const stages: Stage[] = [];
  const callers = new Callers(cluster);
  const stage = async (name: string, work: () => Promise<string>) => {
    say(name);
    const [sinceMs, linksBefore, repeatedBefore] = [
      performance.now(),
      callers.users.length,
      callers.repeated,
    ];
    const what = await work();
    stages.push({
      name,
      seconds: seconds(sinceMs),
      links: callers.users.length - linksBefore,
      repeated: callers.repeated - repeatedBefore,
      what,
    });
  };
  try {
    await stage(`Temporal ${before.version} becomes ${after.version}`, () =>
      upgrade(cluster, callers, after),
    );
    await stage('PostgreSQL is restarted', () => restartDatabase(cluster, callers));
    await stage('everything is restarted in turn', () => rollEverything(cluster, callers));
    await stage('list and search', () => listAndSearch(cluster, callers));
    await stage('unlink', () => unlinkSome(callers));
    const linked = linkedUsers(callers);
    const unexplained = await doneAgainWithoutReason(
      { ...cluster.service, client: cluster.client },
      linked,
      (userId) => callers.runsOf(userId),
    );
    if (unexplained.length > 0) throw new Error(`Done again without a reason:\n${unexplained.join('\n')}`);
    const crashes = cluster.temporal.nodes.reduce((sum, node) => sum + node.crashes, 0);
    process.stdout.write(`\n${tableOf(stages)}\n
${callers.users.length} links on Temporal ${after.version}: none lost, nothing done again without a reason.
Answers to the exchange of a public token that Temporal could not take, so that the user links again: ${callers.relinked.size}.
Temporal's nodes ended ${crashes} times unasked. ${seconds(startedAt)} s in all.\n`);
  } finally {
    await cluster.close();
  }
}

/** Users whose link fails, as it is meant to. */
const refused = new Set<string>();

function linkedUsers({ users, relinked }: Callers): string[] {
  return users.filter((userId) => !refused.has(userId) && !relinked.has(userId));
}

async function upgrade(
  { temporal }: Cluster,
  callers: Callers,
  build: Parameters<Cluster['temporal']['upgrade']>[0],
): Promise<string> {
  const count = Math.ceil(links / 20);
  const old = await atOnce(AT_ONCE, Array.from({ length: count }), () => callers.link());
  // Half of these are under way when the server goes, the rest begins without one.
  const during = atOnce(AT_ONCE, Array.from({ length: count }), () => callers.link());
  await temporal.upgrade(build);
  await during;
  await atOnce(AT_ONCE, old, (userId) => callers.runAgain(userId));
  return `${old.length} links of before did their job again`;
}

async function restartDatabase({ temporal }: Cluster, callers: Callers): Promise<string> {
  let over = false;
  let restarts = 0;
  const restarting = async () => {
    while (!over && restarts < MOST_RESTARTS) {
      await sleep(randomInt(RESTART_EVERY_MS.from, RESTART_EVERY_MS.to));
      await temporal.postgresql.restart(restarts % 2 === 0 ? 'fast' : 'crash');
      restarts += 1;
    }
  };
  const work = atOnce(AT_ONCE, Array.from({ length: links }), () => callers.link()).finally(() => {
    over = true;
  });
  await Promise.all([restarting(), work]);
  return `${restarts} restarts, every other one a crash`;
}

async function rollEverything(cluster: Cluster, callers: Callers): Promise<string> {
  const { temporal, apis, workers } = cluster;
  let over = false;
  const rolling = async () => {
    for (const node of temporal.nodes) {
      await node.stop();
      await node.start();
      say('a node of Temporal was restarted');
    }
    for (const one of [...workers, ...apis]) {
      const exit = await one.stop();
      if (exit.code !== 0) throw new Error(`${one.name} ended with ${exit.code ?? exit.signal}`);
      await one.start();
      say(`one ${one.name} was restarted`);
    }
    await workers[0]?.kill('SIGKILL');
    await workers[0]?.start();
    await temporal.postgresql.restart('fast');
  };
  const lane = async () => {
    do await callers.link();
    while (!over);
  };
  const rolled = rolling().finally(() => {
    over = true;
  });
  await Promise.all([rolled, ...Array.from({ length: AT_ONCE }, lane)]);
  return `${temporal.nodes.length} nodes, ${workers.length} workers (one killed too), ${apis.length} APIs, PostgreSQL`;
}

async function listAndSearch({ service }: Cluster, callers: Callers): Promise<string> {
  const linked = linkedUsers(callers);
  for (let count = 0; count < 3; count++) {
    const userId = callers.newUser();
    refused.add(userId);
    const kind = { plaidError: 'INVALID_PUBLIC_TOKEN' };
    service.plaid.faults.add({ path: '/item/public_token/exchange', userId, times: 'always', kind });
    await callers.start(userId);
  }
  await finds(callers, 'state=linked', linked);
  await finds(callers, `state=linked&job=${JOB}`, linked);
  await finds(callers, 'state=failed&errorCode=relink_required', [...refused, ...callers.relinked]);
  await finds(callers, 'state=needs_attention', []);
  return `${linked.length} linked and ${refused.size + callers.relinked.size} failed links found`;
}

/** Visibility follows the links by a moment. */
async function finds(callers: Callers, query: string, users: readonly string[]): Promise<void> {
  for (const endMs = Date.now() + LISTED_WITHIN_MS; ; await sleep(500)) {
    const found = (await callers.listed(query)).sort();
    if (JSON.stringify(found) === JSON.stringify([...users].sort())) return;
    if (Date.now() > endMs)
      throw new Error(`${query} found ${found.length} links instead of ${users.length}.`);
  }
}

async function unlinkSome(callers: Callers): Promise<string> {
  const some = linkedUsers(callers).filter((_, index) => index % 10 === 0);
  await atOnce(AT_ONCE, some, (userId) => callers.unlink(userId));
  return `${some.length} links left nothing behind`;
}

function tableOf(stages: readonly Stage[]): string {
  const rows = stages.map(({ name, seconds, links, repeated, what }) => [
    name,
    seconds,
    links,
    repeated,
    what,
  ]);
  return markdownTable(['stage', 'seconds', 'links', 'calls repeated', ''], rows);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
