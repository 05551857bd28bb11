/**
 * `npm run bench`: the product beside a thin Temporal app of the same flow, on a server of its own on this machine. Nothing
 * is sent anywhere else. Options:
 *
 *   --quick            a smoke run of about a minute; its figures mean little
 *   --only <part>      loops, receiver or waiting; may be repeated
 *   --rounds <n>       repetitions of loops and receiver (3)
 *   --in-flight <n>    loops of so many links in flight, instead of 1, 50 and 100; may be repeated
 *   --seconds <n>      of each such loop
 *   --waiting <n>      so many waiting links, instead of 1,000 and 2,500; may be repeated: --waiting 10000
 *   --cache <n>        the product's workflow cache, for the waiting links (its own default)
 *   --bundle <file>    the product's workflow bundle, instead of one made now: to compare two of them
 *   --profile          writes V8's CPU profiles of the applications beside the figures
 *   --encrypted        also the thin app with the product's payload codec: what encryption alone costs
 *   --apart            also the product with API and worker on connections of their own, as in production
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runLoop } from './loops';
import { describeMachine, measureNoise } from './noise';
import { measurePayloadCost } from './payload-cost';
import { runReceiver } from './receiver';
import { type BenchResults, reportOf } from './report';
import { type Kind, type Stage, setStage } from './stage';
import { runWaiting } from './waiting';

const RESULTS_FOLDER = path.join(__dirname, 'results');

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    'in-flight': { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string' },
    waiting: { type: 'string', multiple: true, default: [] },
    cache: { type: 'string' },
    bundle: { type: 'string' },
    profile: { type: 'boolean', default: false },
    encrypted: { type: 'boolean', default: false },
    apart: { type: 'boolean', default: false },
  },
});
const { quick } = options;
const rounds = Number(options.rounds ?? (quick ? 1 : 3));
const kinds: readonly Kind[] = [
  'thin',
  'product',
  ...(options.encrypted ? (['thin-encrypted'] as const) : []),
  ...(options.apart ? (['product-apart'] as const) : []),
];
const LOOPS =
  options['in-flight'].length > 0
    ? options['in-flight'].map((inFlight) => ({
        inFlight: Number(inFlight),
        windowMs: Number(options.seconds ?? 10) * 1_000,
      }))
    : quick
      ? [
          { inFlight: 1, windowMs: 2_000 },
          { inFlight: 50, windowMs: 4_000 },
        ]
      : [
          { inFlight: 1, windowMs: 5_000 },
          { inFlight: 50, windowMs: 10_000 },
          { inFlight: 100, windowMs: 12_000 },
        ];
const RECEIVER = { rounds, seconds: quick ? 1 : 4 };
const WAITING = options.waiting.length > 0 ? options.waiting.map(Number) : quick ? [100] : [1_000, 2_500];

async function bench(): Promise<void> {
  const results: BenchResults = {
    startedAt: new Date().toISOString(),
    machine: describeMachine(),
    bundleKib: 0,
    noise: { before: measureNoise() },
    payloads: await measurePayloadCost(),
    loops: [],
    receiver: [],
    waiting: [],
  };
  const stage = await setStage({
    log: say,
    ...(options.profile && { profileFolder: RESULTS_FOLDER }),
    ...(options.bundle !== undefined && { bundleFile: options.bundle }),
  });
  results.bundleKib = stage.bundleKib;
  try {
    if (wanted('loops')) await loops(stage, results);
    if (wanted('receiver')) {
      say('receiver');
      results.receiver = await runReceiver(stage, RECEIVER);
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
  for (const contender of contenders) {
    await runLoop(stage, contender, { inFlight: 10, windowMs: quick ? 500 : 3_000, round: 0 });
  }
  for (const loop of LOOPS) {
    for (let round = 1; round <= rounds; round++) {
      // In turn, and the other way round in the next round, so that a drift of the machine favours nobody.
      for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
        say(`${loop.inFlight} in flight, ${contender.kind}, round ${round}`);
        results.loops.push(await runLoop(stage, contender, { ...loop, round }));
      }
    }
  }
  for (const { child } of contenders) await child.stop();
}

function wanted(part: 'loops' | 'receiver' | 'waiting'): boolean {
  return options.only.length === 0 || options.only.includes(part);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

bench().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
