/**
 * Links of which random things happen in random order, on a real server. `MODEL_RUNS` says how many, `MODEL_SEED` which;
 * a failure names the `MODEL_SEED`, `MODEL_LANE` and `MODEL_PATH` that play the link again, as far as chance allows.
 */
import { randomBytes } from 'node:crypto';
import { parseKeyRing } from '../../src/encryption/key-ring';
import { useSdkLog } from '../support/sdk-log';
import { startShortHistoryServer } from '../support/temporal-place';
import { type Played, playLinks } from './play';
import { Replays } from './replays';
import { openStage, type Stage } from './stage';

/** Links that are played at once, each with a worker and providers of its own: most of a link's life is waiting. */
const LANES = 12;
/** So many events, and Temporal suggests to continue as new: in the middle of a link's life. */
const SHORT_HISTORY = 40;

const { MODEL_RUNS = '40', MODEL_SEED = '20260101', MODEL_LANE, MODEL_PATH } = process.env;
const runs = Number(MODEL_RUNS);
const seed = Number(MODEL_SEED);
const lanes = Array.from({ length: LANES }, (_, index) => index).filter(
  (index) => MODEL_LANE === undefined || index === Number(MODEL_LANE),
);

const encryptionKeys = `test:${randomBytes(32).toString('base64')}`;
const stages: Stage[] = [];
let stopServer: (() => Promise<void>) | undefined;
useSdkLog();
beforeAll(async () => {
  const server = await startShortHistoryServer(SHORT_HISTORY);
  stopServer = server.stop;
  for (const _ of lanes) stages.push(await openStage(server.address, encryptionKeys));
});
afterAll(async () => {
  await Promise.all(stages.map((stage) => stage.close()));
  await stopServer?.();
});

it(
  'a link keeps its promises whatever happens to it, in whatever order',
  async () => {
    console.info(`MODEL_SEED=${seed} MODEL_RUNS=${runs}`);
    const replays = new Replays(parseKeyRing(encryptionKeys));
    // All are awaited, so that none plays on while the servers go.
    const outcomes = await Promise.allSettled(
      stages.map((stage, index) => {
        const lane = lanes[index] ?? 0;
        return playLinks(stage, {
          runs: runsOf(lane),
          seed: seed + lane,
          ...(MODEL_PATH !== undefined && { path: MODEL_PATH }),
          label: `MODEL_SEED=${seed} MODEL_LANE=${lane}`,
          replays,
        });
      }),
    );
    const played = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    console.info(JSON.stringify(sum(played)));
    const failures = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [String(outcome.reason)] : [],
    );
    expect([...failures, ...(await replays.errors())].join('\n\n')).toBe('');
  },
  300_000 + runs * 5_000,
);

/** The runs are dealt out to all lanes, so that a seed stands for the same ones whichever lane is played. */
function runsOf(lane: number): number {
  return MODEL_PATH === undefined ? Math.floor((runs + LANES - 1 - lane) / LANES) : 1;
}

function sum(played: readonly Played[]): Played {
  const add = (key: keyof Played) => played.reduce((total, one) => total + one[key], 0);
  return {
    runs: add('runs'),
    commands: add('commands'),
    continuedAsNew: add('continuedAsNew'),
    mostEvents: Math.max(0, ...played.map(({ mostEvents }) => mostEvents)),
  };
}
