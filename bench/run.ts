/**
 * `npm run bench`: the product beside a thin Temporal app of the same flow, on a server of its own on this machine. Nothing
 * is sent anywhere else. Options:
 *
 *   --quick            a smoke run of about two minutes; its figures mean little
 *   --only <part>      loops, reads, receiver or waiting; may be repeated
 *   --kind <kind>      thin, product or built, instead of all three; may be repeated
 *   --rounds <n>       repetitions of loops, reads and receiver (3)
 *   --in-flight <n>    loops of so many links in flight, instead of 1, 50 and 100; may be repeated
 *   --times <n>        links of a loop, as a multiple of those in flight (20), and at least 60
 *   --waiting <n>      so many waiting links, instead of 1,000 and 2,500; may be repeated: --waiting 10000
 *   --cache <n>        the product's workflow cache, for the waiting links (its own default)
 *   --bundle <file>    the product's workflow bundle, instead of one made now: to compare two of them
 *   --server <server>  dev, which is in memory, or postgresql (dev)
 *   --profile          writes V8's CPU profiles of the applications in one process beside the figures
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runLoop } from './loops';
import { describeMachine, measureNoise } from './noise';
import { measurePayloadCost } from './payload-cost';
import { runReads } from './reads';
import { runReceiver } from './receiver';
import { type BenchResults, reportOf } from './report';
import { SERVERS } from './server';
import { KINDS, type Stage, setStage } from './stage';
import { runWaiting } from './waiting';

const RESULTS_FOLDER = path.join(__dirname, 'results');
const LEAST_LINKS = 60;
/** Before anything counts, for the compiler to have seen all of it. */
const WARM_UP = { inFlight: 20, links: 200, round: 0 };

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    kind: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    'in-flight': { type: 'string', multiple: true, default: [] },
    times: { type: 'string' },
    waiting: { type: 'string', multiple: true, default: [] },
    cache: { type: 'string' },
    bundle: { type: 'string' },
    server: { type: 'string', default: 'dev' },
    profile: { type: 'boolean', default: false },
  },
});
const { quick, profile } = options;
const server = SERVERS.find((one) => one === options.server);
const rounds = Number(options.rounds ?? (quick ? 1 : 3));
const times = Number(options.times ?? (quick ? 4 : 20));
const kinds = KINDS.filter((kind) => options.kind.length === 0 || options.kind.includes(kind));
const inFlights =
  options['in-flight'].length > 0 ? options['in-flight'].map(Number) : quick ? [1, 50] : [1, 50, 100];
const READS = { links: 100, readsPerSecond: 100, seconds: quick ? 2 : 20, rounds };
const RECEIVER = { rounds, seconds: quick ? 1 : 4, ...(profile && { profileFolder: RESULTS_FOLDER }) };
const WAITING = options.waiting.length > 0 ? options.waiting.map(Number) : quick ? [100] : [1_000, 2_500];

async function bench(): Promise<void> {
  const results: BenchResults = {
    startedAt: new Date().toISOString(),
    machine: describeMachine(),
    bundleKib: 0,
    noise: { before: measureNoise() },
    payloads: await measurePayloadCost(),
    loops: [],
    reads: [],
    receiver: [],
    waiting: [],
  };
  if (!server) throw new Error(`--server is one of ${SERVERS.join(', ')}.`);
  const stage = await setStage({
    server,
    log: say,
    ...(profile && { profileFolder: RESULTS_FOLDER }),
    ...(options.bundle !== undefined && { bundleFile: options.bundle }),
  });
  results.bundleKib = stage.bundleKib;
  try {
    if (wanted('loops')) await loops(stage, results);
    if (wanted('reads')) {
      say('reads');
      results.reads = await runReads(stage, READS);
    }
    if (wanted('receiver')) {
      say('receiver');
      results.receiver = await runReceiver({ ...RECEIVER, build: stage.folder });
    }
    if (wanted('waiting')) {
      for (const links of WAITING) {
        say(`${links} waiting links`);
        const cache = options.cache === undefined ? undefined : Number(options.cache);
        results.waiting.push(await runWaiting(stage, links, cache));
      }
    }
  } finally {
    await stage.close();
  }
  results.noise.after = measureNoise();
  await mkdir(RESULTS_FOLDER, { recursive: true });
  const file = path.join(RESULTS_FOLDER, `${results.startedAt.replaceAll(/[:.]/g, '-')}.json`);
  await writeFile(file, `${JSON.stringify(results, undefined, 2)}\n`);
  process.stdout.write(`\n${reportOf(results)}\n${file}\n`);
  const failed = [...results.loops, ...results.waiting].some(({ lost, doubled }) => lost > 0 || doubled > 0);
  if (failed) throw new Error('Links were lost or doubled.');
}

async function loops(stage: Stage, results: BenchResults): Promise<void> {
  const contenders = [];
  for (const kind of kinds) contenders.push(await stage.startContender(kind));
  for (const contender of contenders) await runLoop(stage, contender, WARM_UP);
  for (const inFlight of inFlights) {
    const links = Math.max(LEAST_LINKS, inFlight * times);
    for (let round = 1; round <= rounds; round++) {
      // In turn, and the other way round in the next round, so that a drift of the machine favours nobody.
      for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
        say(`${inFlight} in flight, ${contender.kind}, round ${round}`);
        results.loops.push(await runLoop(stage, contender, { inFlight, links, round }));
      }
    }
  }
  for (const { stop } of contenders) await stop();
}

function wanted(part: 'loops' | 'reads' | 'receiver' | 'waiting'): boolean {
  return options.only.length === 0 || options.only.includes(part);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

bench().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
