import { awaitPoints } from './support/await-points';
import { CANCEL_CASES, type CancelCaseName } from './support/cancel-cases';

/** Played against a server that asks for the next run early: `cancel-next-run.test.ts`. */
const NEXT_RUN = 'making way for the next run';
/** Played apart in `cancel.test.ts`: such a link ends as failed. */
const FAILING = 'failing for good';
type CaseName = CancelCaseName | typeof NEXT_RUN | typeof FAILING;

/** What is waited in, and the cases that cancel a link there. */
type Wait = readonly [awaited: string, ...cases: [CaseName, ...CaseName[]]];

/**
 * Every place at which the workflow may wait, in the order of the source. Who adds one has to say, and to play, what a
 * cancel does there.
 */
const COVERED: Readonly<Record<string, readonly Wait[]>> = {
  'job-follower.ts followJob': [
    ['condition', 'before its first task', 'exchange under way', 'linked, with nothing under way'],
    ['register', 'registration under way at the first attempt', 'registration under way'],
    ['fetchResult', 'result under way at the first attempt', 'result under way after a webhook'],
    ['waitForWebhook', 'webhook awaited'],
  ],
  'job-follower.ts register': [
    [
      'quickly',
      'registration under way',
      'registration taken, its answer under way',
      'one job registered, the other under way',
      'registration under way at the first attempt',
      'registration taken at the first attempt, its answer under way',
      'registration taken at the first attempt, which is never answered',
    ],
  ],
  'job-follower.ts waitForWebhook': [
    // The settings came with the processor token, so that this takes no time.
    ['link.readSettings', 'webhook awaited'],
    ['condition', 'webhook awaited', 'a long poll pending', 'the caller being told'],
    ['fetchResult', 'result under way by poll'],
  ],
  'job-follower.ts fetchResult': [
    ['quickly', 'result under way after a webhook', 'result waiting for its next attempt'],
    ['Promise.race', 'result under way at the first attempt', 'result under way after a webhook'],
  ],
  // Read by the cleanup, where the link was cancelled before anything brought them.
  'link-run.ts readSettings': [['quickly', 'exchange taken, its answer under way']],
  'link-run.ts tellCaller': [
    ['this.readSettings', 'exchange taken, its answer under way'],
    ['startChild', 'the caller being told'],
  ],
  'messages.ts waitForJob': [
    ['CancellationScope.nonCancellable', 'a long poll pending'],
    ['condition', 'a long poll pending'],
  ],
  'messages.ts createRepairLinkToken': [
    ['CancellationScope.nonCancellable', 'an update-mode Link token under way'],
    ['visibly', 'an update-mode Link token under way'],
  ],
  'messages.ts confirmRepair': [['CancellationScope.nonCancellable', 'the Item looked at for a caller']],
  // In a workflow of its own, which a cancelled link leaves alone.
  'notify-caller.ts notifyCaller': [['visibly', 'the caller being told']],
  'processor-link.ts processorLink': [
    ['condition', 'unlinking with an update unfinished', NEXT_RUN],
    ['link.story.run', 'linked, with nothing under way'],
    ['tend', 'linked, with nothing under way'],
    ['close', NEXT_RUN],
    ['continueAsNew', NEXT_RUN],
    ['CancellationScope.nonCancellable', 'unlinking, the registration being removed'],
    ['cleanUp', 'unlinking, the registration being removed'],
    ['close', 'unlinking with an update unfinished'],
  ],
  'processor-link.ts stayConnected': [
    ['exchange', 'exchange under way', 'exchange waiting for its next attempt'],
    ['withdrawAccount', 'account withdrawn, its removal under way'],
    ['waitForRepair', 'the user awaited'],
    ['createProcessorToken', 'accounts under way', 'processor token taken, its answer under way'],
    ['waitForHistory', 'history awaited'],
    ['condition', 'linked, with nothing under way', 'webhook awaited'],
  ],
  'processor-link.ts exchange': [
    [
      'visibly',
      'exchange under way',
      'exchange taken, its answer under way',
      'unlinking while the exchange settles',
    ],
  ],
  'processor-link.ts createProcessorToken': [
    [
      'quickly',
      'accounts under way at the first attempt',
      'processor token taken at the first attempt, its answer under way',
      'processor token waiting for its next attempt',
    ],
  ],
  'processor-link.ts waitForHistory': [
    ['link.readSettings', 'history asked for'],
    ['inspectItem', 'history asked for', 'history asked for at the first attempt'],
    ['condition', 'history awaited'],
  ],
  'processor-link.ts waitForRepair': [
    ['condition', 'the user awaited', 'an update-mode Link token under way'],
    ['inspectItem', 'the Item looked at after a webhook'],
  ],
  'processor-link.ts withdrawAccount': [
    ['condition', 'account withdrawn while its registration is under way'],
    [
      'remove',
      'account withdrawn, its removal under way',
      'account withdrawn, its removal under way at the first attempt',
    ],
  ],
  'processor-link.ts cleanUp': [
    ['sleep', FAILING],
    ['condition', 'unlinking while the exchange settles'],
    [
      'remove',
      'unlinking, the registration being removed',
      'unlinking, the registration being removed at the first attempt',
      'unlinking, the removal waiting for its next attempt',
    ],
    ['link.readSettings', 'exchange taken, its answer under way'],
    ['remove', 'unlinking, the Item being removed', 'unlinking, the Item being removed at the first attempt'],
  ],
  'processor-link.ts remove': [
    ['quickly', 'account withdrawn, its removal waiting for its next attempt'],
    ['quickly', 'unlinking, the Item being removed'],
  ],
  'repair.ts inspectItem': [
    [
      'quickly',
      'history asked for',
      'the Item looked at for a caller',
      'the Item looked at for a caller at the first attempt',
    ],
  ],
  'steps.ts visibly': [['call', 'exchange under way', 'exchange waiting for its next attempt']],
  'steps.ts quickly': [
    ['tryLocally', 'accounts under way at the first attempt', 'result under way at the first attempt'],
    [
      'sleep',
      'processor token waiting for its next attempt',
      'registration waiting for its next attempt',
      'result waiting for its next attempt',
    ],
    ['visibly', 'registration under way', 'result under way after a webhook'],
  ],
  'steps.ts tryLocally': [
    ['condition', 'one job registering at the first attempt, the other waiting for its turn'],
    [
      'attempts.run',
      'registration under way at the first attempt',
      'registration under way at the first attempt, for longer than a workflow task may last',
    ],
    ['call', 'registration under way at the first attempt'],
  ],
};

it('names, for every place at which the workflow may wait, a case that cancels it there', () => {
  const covered = Object.entries(COVERED).map(([place, waits]) => [place, waits.map(([awaited]) => awaited)]);
  expect(awaitPoints()).toEqual(Object.fromEntries(covered));
});

it('plays no case that stands for no such place', () => {
  const named = new Set<string>(
    Object.values(COVERED).flatMap((waits) => waits.flatMap(([, ...cases]) => cases)),
  );
  expect(Object.keys(CANCEL_CASES).filter((name) => !named.has(name))).toEqual([]);
});

it('sees an await, and a wait that is handed on, wherever it stands', () => {
  const source = `
export async function outer(): Promise<void> {
  // await nothing
  const text = 'await nothing';
  await first(); await (async () => second())();
  return condition(() => isOver);
}
class Room {
  async inner(): Promise<void> {
    for (;;) if (await third) return;
  }
}
function handle(): void {
  setHandler(
    ask,
    async () => sleep(1),
  );
}
`;
  expect(awaitPoints({ 'x.ts': source })).toEqual({
    'x.ts outer': ['first', '', 'condition'],
    'x.ts inner': ['third'],
    'x.ts ask': ['sleep'],
  });
});
