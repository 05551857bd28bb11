/**
 * What a key for each workflow costs, against one key for all, in one run: two of the product side by side, loops of links in
 * turn; before that, microseconds a payload. `node --import tsx bench/workflow-keys.ts [rounds] [links a round]`, 5 and 300
 * unless told otherwise.
 */
import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import { parseKeyRing } from '../src/encryption/key-ring';
import { createPayloadCodec } from '../src/encryption/payload-codec';
import { type LoopFigures, runLoop } from './loops';
import { describeMachine, measureNoise } from './noise';
import { setStage } from './stage';
import { mean } from './statistics';

const [rounds = 5, links = 300] = process.argv.slice(2).map(Number);
const IN_FLIGHT = 50;
const PLAIN_BYTES = 200;
/** Workflows whose keys are in the cache. */
const LIVE = 200;
const BATCH = 1_000;
const BATCHES = 10;

/** CPU microseconds of this process, to encrypt and to decrypt a payload of that size. */
async function payloadCosts() {
  const keyRing = parseKeyRing(`bench:${randomBytes(32).toString('base64')}`);
  const codec = createPayloadCodec({ keyRing, namespace: 'default' });
  const payload = defaultPayloadConverter.toPayload('x'.repeat(PLAIN_BYTES));
  const of = (index: number) =>
    ({ type: 'workflow', namespace: 'default', workflowId: `processor-link/user-${index}` }) as const;
  const both = async (index: number) => {
    await codec.decode(await codec.encode([payload], of(index)), of(index));
  };
  const cases = {
    'one key for all': () => 0,
    'its workflow has had one': (n: number) => n % LIVE,
    'its workflow is new': (n: number) => LIVE + n,
  };
  const sums = Object.fromEntries(Object.keys(cases).map((name) => [name, 0]));
  for (let warmUp = 0; warmUp < 5 * BATCH; warmUp += 1) await both(warmUp % LIVE);
  for (let batch = 0; batch < BATCHES; batch += 1) {
    // The other way round each time: what one leaves to the garbage collector, the next pays for.
    const inTurn = Object.entries(cases);
    for (const [name, workflow] of batch % 2 === 0 ? inTurn : inTurn.toReversed()) {
      const before = process.cpuUsage();
      for (let n = 0; n < BATCH; n += 1) await both(workflow(batch * BATCH + n));
      const { user, system } = process.cpuUsage(before);
      sums[name] = (sums[name] ?? 0) + user + system;
    }
  }
  return Object.entries(sums).map(([name, sum]) => ({
    payload: name,
    'CPU µs, both ways': (sum / BATCH / BATCHES).toFixed(1),
  }));
}

async function measure(): Promise<void> {
  console.error(describeMachine(), measureNoise());
  console.table(await payloadCosts());
  const stage = await setStage({ log: console.error });
  try {
    const sides = [];
    for (const oneKey of [false, true]) {
      const contender = await stage.startContender('product', { oneKey });
      const figures: LoopFigures[] = [];
      sides.push({ keys: oneKey ? 'one for all' : 'one each', contender, figures });
    }
    let loops = 0;
    for (let round = 0; round <= rounds; round++) {
      for (const { contender, figures } of round % 2 === 1 ? sides : sides.toReversed()) {
        loops += 1;
        const loop = await runLoop(stage, contender, { inFlight: IN_FLIGHT, links, round: loops });
        // The first is for the compiler to have seen all of it.
        if (round > 0) figures.push(loop);
      }
    }
    console.table(
      sides.map(({ keys, figures }) => ({
        keys,
        'links per second': mean(figures.map(({ linksPerSecond }) => linksPerSecond)).toFixed(1),
        'of each round': figures.map(({ linksPerSecond }) => linksPerSecond.toFixed(1)).join(' '),
        'app CPU ms a link': mean(figures.map(({ appCpuMs }) => appCpuMs)).toFixed(1),
      })),
    );
  } finally {
    await stage.close();
  }
}

measure().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
