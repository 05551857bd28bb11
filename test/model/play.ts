import fc from 'fast-check';
import { JOBS } from '../../src/contract/jobs';
import { isFinal } from '../../src/contract/states';
import { type HistoryEvent, historiesOf } from '../support/run-chain';
import { linkCommands } from './commands';
import {
  expectAgreement,
  expectAllowedEdges,
  expectNoEffectTwice,
  expectNoFailedTasks,
  expectNothingLeft,
  expectRegistrationsRecorded,
  settle,
} from './invariants';
import { LinkUnderTest, type Scenario } from './link-under-test';
import type { Replays } from './replays';
import type { Stage } from './stage';
import { pass } from './time';
import { whatHappened } from './what-happened';

/** A link that hangs is a failure too; longer than the model waits for anything. */
const RUN_TIMEOUT_MS = 480_000;
const MAX_COMMANDS = 14;

const scenario: fc.Arbitrary<Scenario> = fc.record({
  jobs: fc.constantFrom([...JOBS], [...JOBS], [JOBS[0]], [JOBS[1]]),
  fromAccessToken: fc.boolean(),
  persistentAccountId: fc.boolean(),
  twoAccounts: fc.oneof(
    { arbitrary: fc.constant(false), weight: 3 },
    { arbitrary: fc.constant(true), weight: 1 },
  ),
  waitForHistory: fc.boolean(),
  removeItemOnUnlink: fc.boolean(),
  notify: fc.boolean(),
});

export interface Played {
  runs: number;
  commands: number;
  /** How often a link continued as new. */
  continuedAsNew: number;
  /** Events of the longest run of a link. */
  mostEvents: number;
}

export interface Plan {
  runs: number;
  seed: number;
  /** Of the one run to play, as a failure names it. */
  path?: string;
  /** How to play a run again, but for its path. */
  label: string;
  /** Takes the histories of all links. */
  replays: Replays;
}

/** Plays random orders of everything that can happen to a link, one link after the other, until one breaks a promise. */
export async function playLinks(stage: Stage, { runs, seed, path, label, replays }: Plan): Promise<Played> {
  const played: Played = { runs: 0, commands: 0, continuedAsNew: 0, mostEvents: 0 };
  const commands = fc.commands(linkCommands(), { maxCommands: MAX_COMMANDS });
  const property = fc.asyncProperty(scenario, commands, async (begin, steps) => {
    const link = await LinkUnderTest.start(stage, begin);
    try {
      await fc.asyncModelRun(() => ({ model: played, real: link }), steps);
      const histories = await conclude(link);
      await replays.add(link, { label: `${label} MODEL_PATH=${path ?? played.runs}`, histories });
      played.runs += 1;
      played.continuedAsNew += histories.length - 1;
      played.mostEvents = Math.max(played.mostEvents, ...histories.map(({ length }) => length));
    } catch (error) {
      const histories = await historiesOf(link.world, link.handle);
      throw new Error(`${String(error)}\n${whatHappened(histories)}`, { cause: error });
    } finally {
      await leave(link);
    }
  });
  const details = await fc.check(property, {
    numRuns: runs,
    seed,
    timeout: RUN_TIMEOUT_MS,
    // The same commands at another moment are another run: smaller ones prove nothing.
    endOnFailure: true,
    ...(path !== undefined && { path }),
  });
  if (details.failed) {
    const again = `${label} MODEL_PATH=${details.counterexamplePath}`;
    throw new Error(
      `Play it again: ${again}\n${fc.defaultReportMessage(details)}\n${details.errorInstance}`,
      {
        cause: details.errorInstance,
      },
    );
  }
  return played;
}

/** Everything that must hold of a link in the end; answers the histories of its runs. */
async function conclude(link: LinkUnderTest): Promise<HistoryEvent[][]> {
  let view = await settle(link);
  if (!isFinal(view.state)) {
    await expectAgreement(link, view);
    await link.cancel();
    view = await settle(link);
  }
  await expectNothingLeft(link, view);
  await link.updatesAnswered();
  const histories = await historiesOf(link.world, link.handle);
  const events = histories.flat();
  expectNoFailedTasks(events);
  expectAllowedEdges(events);
  await expectNoEffectTwice(link);
  await expectRegistrationsRecorded(link, histories);
  return histories;
}

/** The next run finds no link that is open, and no fault. */
async function leave(link: LinkUnderTest): Promise<void> {
  const { plaid, atomic } = link.world;
  plaid.faults.clear();
  atomic.faults.clear();
  const isOpen = async () => (await link.handle.describe()).status.name === 'RUNNING';
  if (!(await isOpen())) return;
  await link.cancel();
  await pass(2_000);
  if (await isOpen()) await link.handle.terminate();
}
