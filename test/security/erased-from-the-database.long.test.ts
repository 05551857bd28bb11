/** Users of random lives are erased, and the file of Temporal's database holds nothing of them but the evidence. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import initSqlJs from 'sql.js';
import { JOBS, type Job } from '../../src/contract/jobs';
import { eraseIdOf, SEARCH_ATTRIBUTE_TYPES, SIGNALS, workflowIdOf } from '../../src/contract/names';
import { type DevServer, startDevServer } from '../../src/dev-server/dev-server';
import { payloadsIn } from '../../src/encryption/key-usage';
import { isEncryptedPayload } from '../../src/encryption/payload-codec';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server';
import { type Service, startService } from '../support/service';
import type { ApiAnswer } from '../support/service-api';
import { temporalServer } from '../support/temporal';

const LIVES = Number(process.env.LIVES ?? 40);

jest.setTimeout(300_000 + LIVES * 10_000);

/** These stay, so that there is something to find. */
const STAYING = 3;
const LIVES_AT_ONCE = 10;
const ERASURES_AT_ONCE = 25;
/** They hold ids alone. The server drops timers when they fire, and tasks of a queue after a later one that had to wait in it. */
const DROPPED_LATER = ['timer_tasks', 'tasks'];
/** Enough of a ciphertext, which begins with its nonce, or of a run's id to know it by. */
const NEEDLE_BYTES = 8;

let folder: string;
let databaseFile: string;
let server: DevServer;
let backend: ScriptedServer;
let service: Service;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'processor-link-erased-'));
  databaseFile = path.join(folder, 'temporal.db');
  server = await startDevServer({
    serverPath: await temporalServer(),
    dbFile: databaseFile,
    searchAttributes: SEARCH_ATTRIBUTE_TYPES,
  });
  backend = await startScriptedServer();
  // Some notifications are taken and some are not, which are open until they are erased.
  let posts = 0;
  backend.script((response) => response.writeHead(++posts % 2 ? 204 : 500).end());
  service = await startService({
    temporal: server,
    env: { NOTIFY_URL: backend.url, NOTIFY_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}` },
  });
});

afterAll(async () => {
  await service?.close();
  await backend?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Person {
  userId: string;
  itemId: string;
  jobs: readonly Job[];
}

const linked = (userId: string) => service.call.linkWhen(userId, ({ state }) => state === 'linked', 100);
const attention = (userId: string) =>
  service.call.linkWhen(userId, ({ state }) => state === 'needs_attention', 100);

/** Asks again while a busy service answers 503. */
async function answered(ask: () => Promise<ApiAnswer>): Promise<ApiAnswer> {
  for (;;) {
    const answer = await ask();
    if (answer.status !== 503) return answer;
    await delay(500);
  }
}

/** Starts a link, and resolves with its Item. It is asked for twice at once, and by another request, which is refused. */
async function link(userId: string, jobs: readonly Job[]): Promise<string> {
  const webhook = `${service.call.url}/webhooks/plaid/${userId}`;
  const { publicToken, itemId } = service.plaid.createPublicToken({ userId, webhook });
  const start = () => answered(() => service.call.start({ userId, publicToken, jobs }));
  for (const { status } of await Promise.all([start(), start()])) expect([200, 202]).toContain(status);
  const other = { userId, publicToken: service.plaid.createPublicToken({ userId }).publicToken, jobs };
  expect((await answered(() => service.call.start(other))).status).toBe(409);
  return itemId;
}

/** What a linked user goes on from, linked. */
const EPISODES = {
  async ranAgain({ userId, jobs: [job = JOBS[0]] }: Person) {
    expect((await answered(() => service.call.runJob(userId, job))).status).toBe(202);
  },
  async repaired({ userId, itemId }: Person) {
    await service.plaid.requireLogin(itemId);
    await attention(userId);
    await service.plaid.repair(itemId);
  },
  async renewed({ userId }: Person) {
    await service.client.workflow.getHandle(workflowIdOf(userId)).signal(SIGNALS.renew);
  },
  async linkedAgain(person: Person) {
    const { userId, jobs } = person;
    while ((await answered(() => service.call.unlink(userId, 60))).status !== 200);
    person.itemId = await link(userId, jobs);
  },
};

/** What a user is found in when the erasure comes. */
const ENDS = {
  stays: async () => undefined,
  async unlinks({ userId }: Person) {
    await service.call.unlink(userId);
  },
  async withdraws({ itemId }: Person) {
    await service.plaid.revokePermission(itemId);
  },
  async needsAttention({ userId, itemId }: Person) {
    await service.plaid.requireLogin(itemId);
    await attention(userId);
  },
};

const life = fc.record({
  jobs: fc.constantFrom<readonly Job[]>(JOBS, [JOBS[0]], [JOBS[1]]),
  /** Otherwise the erasure comes while the link is being made. */
  settles: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
  episodes: fc.array(fc.constantFrom(...Object.values(EPISODES)), { maxLength: 2 }),
  end: fc.constantFrom(...Object.values(ENDS)),
});
type Life = typeof life extends fc.Arbitrary<infer L> ? L : never;

async function live({ jobs, settles, episodes, end }: Life): Promise<string> {
  const userId = service.newUser();
  const itemId = await link(userId, jobs);
  if (!settles) return userId;
  const person = { userId, itemId, jobs };
  await linked(userId);
  for (const episode of episodes) {
    await episode(person);
    await linked(userId);
  }
  await end(person);
  return userId;
}

/** Asks until it is done; how long that takes is not what is proved here. */
async function erase(userId: string): Promise<void> {
  const ask = () => service.call.call('DELETE', `/v1/users/${userId}?waitSeconds=60`);
  while ((await answered(ask)).status !== 200);
}

/** Ids of the workflows that name the users, one for each run, in order. */
async function runsOf(users: readonly string[]): Promise<string[]> {
  const workflowIds: string[] = [];
  for await (const { workflowId } of service.client.workflow.list()) {
    if (users.some((userId) => workflowId.includes(userId))) workflowIds.push(workflowId);
  }
  return workflowIds.sort();
}

/** What the users' runs are known by in the database: ids of Items and of runs, and the beginnings of all ciphertexts. */
async function needlesOf(users: readonly string[]): Promise<Set<string>> {
  const needles = new Set<string>();
  const runs: { workflowId: string; runId: string }[] = [];
  for await (const run of service.client.workflow.list()) {
    if (users.some((userId) => run.workflowId.includes(userId))) runs.push(run);
  }
  await atOnce(runs, async ({ workflowId, runId }) => {
    needles.add(Buffer.from(runId.replaceAll('-', ''), 'hex').toString('latin1').slice(0, NEEDLE_BYTES));
    const { events } = await service.client.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const payload of [...payloadsIn(events)].filter(isEncryptedPayload)) {
      needles.add(
        Buffer.from(payload.data ?? [])
          .toString('latin1')
          .slice(0, NEEDLE_BYTES),
      );
    }
  });
  return needles;
}

async function atOnce<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  limit = LIVES_AT_ONCE,
): Promise<R[]> {
  const [entries, results] = [items.entries(), new Array<R>(items.length)];
  const worker = async () => {
    for (const [index, item] of entries) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
  return results;
}

/** What of the users a text holds, where it is not the id of the run that is the evidence of an erasure. */
function foundIn(text: string, users: ReadonlySet<string>, needles: ReadonlySet<string>): string | undefined {
  for (const [userId] of text.matchAll(/(?<!erase\/)user-[0-9a-f-]{36}/g)) {
    if (users.has(userId)) return userId;
  }
  for (let at = 0; at + NEEDLE_BYTES <= text.length; at += 1) {
    if (needles.has(text.slice(at, at + NEEDLE_BYTES))) return 'a run or a ciphertext';
  }
  return undefined;
}

/** What the tables hold of the users, by table. */
async function remains(users: ReadonlySet<string>, needles: ReadonlySet<string>): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { table, text } of cellsOf(databaseFile)) {
    const what = DROPPED_LATER.includes(table) ? undefined : foundIn(text, users, needles);
    if (what !== undefined) found.add(`${table}: ${what}`);
  }
  return found;
}

/** Says how long the users took for each part. */
function stopwatch(): (part: string) => void {
  let sinceMs = performance.now();
  return (part) => {
    const nowMs = performance.now();
    process.stderr.write(`${LIVES} users ${part} in ${((nowMs - sinceMs) / 1_000).toFixed(1)} s\n`);
    sinceMs = nowMs;
  };
}

/** The server drops its own tasks a moment after a run is no longer there. */
async function deletedInTheBackground(users: ReadonlySet<string>, needles: ReadonlySet<string>) {
  for (const endMs = Date.now() + 120_000; Date.now() < endMs; await delay(3_000)) {
    // The server writes meanwhile, so what was read may not fit together.
    const found = await remains(users, needles).catch(() => undefined);
    if (found?.size === 0) return;
  }
}

it(`erases ${LIVES} users, of whom no row, id or ciphertext stays but the evidence`, async () => {
  const seed = Number(process.env.LIVES_SEED ?? Date.now());
  process.stderr.write(`LIVES_SEED=${seed}\n`);
  const tell = stopwatch();
  const users = await atOnce(fc.sample(life, { numRuns: LIVES, seed }), live);
  const staying = await atOnce(Array.from({ length: STAYING }), async () => {
    const userId = service.newUser();
    await link(userId, JOBS);
    return userId;
  });
  for (const userId of staying) await linked(userId);
  const [needles, needlesOfStaying] = [await needlesOf(users), await needlesOf(staying)];
  expect(needles.size).toBeGreaterThan(LIVES * 10);

  tell('lived');
  await atOnce(users, erase, ERASURES_AT_ONCE);
  tell('erased');
  expect(users.flatMap((userId) => service.leftovers(userId))).toEqual([]);
  expect(await runsOf(users)).toEqual(users.map((userId) => eraseIdOf(userId)).sort());
  const erased = new Set(users);
  await deletedInTheBackground(erased, needles);
  tell('out of the database');
  await Promise.all([service.api.stop(), service.worker.stop()]);
  await server.stop();

  expect([...(await remains(erased, needles))]).toEqual([]);
  const evidence = new Set<string>();
  for await (const { text } of cellsOf(databaseFile)) {
    for (const [, userId = ''] of text.matchAll(/erase\/(user-[0-9a-f-]{36})/g)) evidence.add(userId);
  }
  expect(users.filter((userId) => !evidence.has(userId))).toEqual([]);
  const stillThere = [...(await remains(new Set(staying), needlesOfStaying))].join();
  for (const table of ['executions:', 'executions_visibility:', 'history_node:']) {
    expect(stillThere).toContain(table);
  }
  expect([...(await remains(new Set(), needlesOfStaying))].join()).toContain(
    'history_node: a run or a ciphertext',
  );
});

/** A text or the bytes of one column, in Latin-1. */
interface Cell {
  table: string;
  text: string;
}

/** Every text and all bytes in the tables of an SQLite file, whose server has stopped. */
async function* cellsOf(file: string): AsyncGenerator<Cell> {
  const { Database } = await initSqlJs();
  const database = new Database(await databaseWithItsLog(file));
  try {
    // What a virtual table shows stands in tables of its own beside it.
    const [tables] = database.exec(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'",
    );
    for (const [name] of tables?.values ?? []) {
      const table = String(name);
      const rows = database.prepare(`SELECT * FROM "${table}"`);
      while (rows.step()) {
        for (const value of rows.get()) {
          if (typeof value !== 'string' && !(value instanceof Uint8Array)) continue;
          yield { table, text: Buffer.from(value).toString('latin1') };
        }
      }
      rows.free();
    }
  } finally {
    database.close();
  }
}

const LOG_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/**
 * Temporal's server leaves its write-ahead log as it is when it stops, and SQLite in WebAssembly reads none. Each frame is
 * one page: its number, the size of the database where it ends a transaction, and the salt of the log that it belongs to
 * (https://www.sqlite.org/fileformat2.html#walformat).
 */
async function databaseWithItsLog(file: string): Promise<Buffer> {
  let database = await readFile(file);
  const log = await readFile(`${file}-wal`);
  const pageBytes = log.readUInt32BE(8);
  const salt = log.subarray(16, 24);
  let transaction: { page: number; content: Buffer }[] = [];
  for (let at = LOG_HEADER_BYTES; at + FRAME_HEADER_BYTES + pageBytes <= log.length; ) {
    if (!log.subarray(at + 8, at + 16).equals(salt)) break;
    const [page, pagesAtItsEnd] = [log.readUInt32BE(at), log.readUInt32BE(at + 4)];
    const from = at + FRAME_HEADER_BYTES;
    at = from + pageBytes;
    transaction.push({ page, content: log.subarray(from, at) });
    if (pagesAtItsEnd === 0) continue;
    const grown = Buffer.alloc(pagesAtItsEnd * pageBytes);
    if (grown.length !== database.length)
      database = Buffer.concat([database, grown]).subarray(0, grown.length);
    for (const { page: number, content } of transaction) content.copy(database, (number - 1) * pageBytes);
    transaction = [];
  }
  // "Legacy", so that no log is looked for.
  database.fill(1, 18, 20);
  return database;
}
