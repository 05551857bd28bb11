import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CANCEL_CASES, type CancelCaseName } from './cancel-cases';

const WORKFLOWS = join(__dirname, '../../workflows');

/** What a workflow can wait in, whether or not an `await` stands before it. */
const WAITS =
  /\bawait\s+([\w.]*)|(?<![\w.])(condition|sleep|startChild|executeChild|continueAsNew|perform|call|link\.(?:exchange|setup|result|interactive|cleanup)\.\w+)(?=\()/g;
const TOP_LEVEL = /^(?:export )?(?:async )?function (\w+)/;
const METHOD = /^ {2}(?:private |get |async )*(\w+)(?:<[^(]*>)?\(.*\{$/;
const HANDLER = /^ {2}setHandler\((?:(\w+),.*)?$/;

/**
 * Every place in the workflow's code at which it may wait: for each function, method or handler what it waits in, in the
 * order of the source. The code is laid out by the formatter, which is what tells where a function begins.
 */
function awaitPoints(
  sources: Readonly<Record<string, string>> = workflowSources(),
): Record<string, string[]> {
  const points: Record<string, string[]> = {};
  for (const [file, source] of Object.entries(sources)) {
    let scope = '';
    let nameComes = false;
    for (const line of withoutTexts(source).split('\n')) {
      const begins = TOP_LEVEL.exec(line) ?? METHOD.exec(line) ?? HANDLER.exec(line);
      if (begins) scope = begins[1] ?? scope;
      if (nameComes) scope = line.trim().replace(',', '');
      nameComes = HANDLER.test(line) && !begins?.[1];
      if (TOP_LEVEL.test(line) || METHOD.test(line) || line.startsWith('import')) continue;
      for (const [, awaited, begun] of line.matchAll(WAITS)) {
        const place = `${file} ${scope}`;
        points[place] = [...(points[place] ?? []), awaited ?? begun ?? ''];
      }
    }
  }
  return points;
}

function workflowSources(): Record<string, string> {
  const files = readdirSync(WORKFLOWS).filter((name) => name.endsWith('.ts'));
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(WORKFLOWS, file), 'utf8')]));
}

/** The source with its comments and texts made empty, and its lines where they were. */
function withoutTexts(source: string): string {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/(^|\s)\/\/.*$/gm, '')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
}

/** Played against a server that asks for the next run early: `cancel-next-run.test.ts`. */
const NEXT_RUN = 'making way for the next run';
/** Played apart in `cancel.test.ts`: such a link ends as failed. */
const FAILING = 'failing for good';
/** A workflow of its own, which unlinks as a caller does. That it is cancelled is played in `erase-user.test.ts`. */
const ERASING = 'erasing the user';
type CaseName = CancelCaseName | typeof NEXT_RUN | typeof FAILING | typeof ERASING;

/** What is waited in, and the cases that cancel a link there. */
type Wait = readonly [awaited: string, ...cases: [CaseName, ...CaseName[]]];

/**
 * Every place at which the workflow may wait, in the order of the source. Who adds one has to say, and to play, what a
 * cancel does there.
 */
const COVERED: Readonly<Record<string, readonly Wait[]>> = {
  'erase-user.ts eraseUser': [
    ['endLink', ERASING],
    ['pause', ERASING],
    ['deleteRuns', ERASING],
    ['pause', ERASING],
  ],
  'erase-user.ts pause': [
    ['continueAsNew', ERASING],
    ['sleep', ERASING],
  ],
  'inspect-item.ts inspectItem': [
    [
      'steps.inspectItem',
      'history asked for',
      'the Item looked at for a caller',
      'the Item looked at after a webhook',
    ],
  ],
  'job-steps.ts registerProcessorLink': [
    ['link.span.during', 'registration under way'],
    [
      'registering',
      'registration under way',
      'registration taken, its answer under way',
      'one job registered, the other under way',
      'account withdrawn while its registration is under way',
    ],
  ],
  'job-steps.ts waitForWebhook': [
    // The settings came with the processor token, so that this takes no time.
    ['link.readSettings', 'webhook awaited'],
    ['link.timers.condition', 'webhook awaited', 'a long poll pending', 'the caller being told'],
    ['fetchJobResult', 'result under way by poll'],
  ],
  'shared-timers.ts condition': [['condition', 'webhook awaited', 'one job registered, the other under way']],
  'shared-timers.ts start': [['sleep', 'webhook awaited', 'one job registered, the other under way']],
  'job-steps.ts fetchJobResult': [
    ['link.span.during', 'result under way after a webhook'],
    ['link.result.fetchJobResult', 'result under way after a webhook', 'result under way by poll'],
    ['condition', 'result under way after a webhook'],
    ['Promise.race', 'result under way after a webhook', 'result waiting for its next attempt'],
  ],
  'run-span.ts during': [['work', 'registration under way', 'result under way after a webhook']],
  // Read by the cleanup, where the link was cancelled before anything brought them.
  'link-run.ts readSettings': [['this.setup.readSettings', 'exchange taken, its answer under way']],
  'messages.ts waitForJob': [
    ['CancellationScope.nonCancellable', 'a long poll pending'],
    ['condition', 'a long poll pending'],
  ],
  'messages.ts createRepairLinkToken': [
    ['CancellationScope.nonCancellable', 'an update-mode Link token under way'],
    ['link.interactive.createRepairLinkToken', 'an update-mode Link token under way'],
  ],
  'messages.ts confirmRepair': [['CancellationScope.nonCancellable', 'the Item looked at for a caller']],
  // In a workflow of its own, which a cancelled link leaves alone.
  'notify-caller.ts notifyCaller': [['stepsOf', 'the caller being told']],
  'outbox.ts send': [
    ['this.link.readSettings', 'exchange taken, its answer under way'],
    ['startChild', 'the caller being told'],
  ],
  'processor-link.ts processorLink': [
    ['condition', 'unlinking with an update unfinished', NEXT_RUN],
    ['link.story.run', 'linked, with nothing under way'],
    ['stayLinked', 'linked, with nothing under way'],
    ['resealTokens', NEXT_RUN],
    ['close', NEXT_RUN],
    ['continueAsNew', NEXT_RUN],
    ['CancellationScope.nonCancellable', 'unlinking, the registration being removed'],
    ['unlink', 'unlinking, the registration being removed'],
    ['close', 'unlinking with an update unfinished'],
  ],
  'processor-link.ts stayLinked': [['Promise.all', 'linked, with nothing under way']],
  'processor-link.ts followLink': [
    ['exchangePublicToken', 'before its first task', 'exchange under way'],
    ['createProcessorToken', 'accounts under way', 'processor token taken, its answer under way'],
    ['waitForHistory', 'history awaited'],
    ['lookAtItem', 'the Item looked at after a webhook'],
    ['withdrawAccount', 'account withdrawn, its removal under way'],
    ['link.limitAge', 'the user awaited'],
    ['waitForUser', 'the user awaited'],
    ['link.limitAge', 'linked, with nothing under way'],
    ['condition', 'linked, with nothing under way', 'webhook awaited'],
  ],
  'upkeep-steps.ts waitForUser': [
    ['link.readSettings', 'the user awaited'],
    ['condition', 'the user awaited'],
    ['inspectItem', 'the Item looked at after a webhook'],
  ],
  'processor-link.ts resealTokens': [['link.interactive.resealTokens', NEXT_RUN]],
  'unlink.ts removeProcessorLink': [
    ['link.cleanup.removeProcessorLink', 'unlinking, the registration being removed'],
    ['sleep', 'registration waiting for its next attempt'],
    ['link.cleanup.removeProcessorLink', 'registration waiting for its next attempt'],
  ],
  'link-run.ts pause': [
    ['condition', 'processor token waiting for an operator'],
    ['Promise.race', 'processor token waiting for an operator'],
    ['sleep', 'processor token waiting for an operator', 'registration waiting for its next attempt'],
  ],
  'link-run.ts configurationWaitMs': [['this.readSettings', 'processor token waiting for an operator']],
  'link-run.ts limitAge': [['this.readSettings', 'linked, with nothing under way']],
  'run-span.ts limitAge': [['sleep', 'linked, with nothing under way', 'webhook awaited']],
  'processor-link.ts followJob': [
    ['condition', 'before its first task', 'exchange under way', 'linked, with nothing under way'],
    ['registerProcessorLink', 'registration under way'],
    ['waitForWebhook', 'webhook awaited'],
    ['fetchJobResult', 'result under way after a webhook'],
  ],
  'connect-steps.ts exchangePublicToken': [
    ['link.span.during', 'exchange under way'],
    [
      'link.exchange.exchangePublicToken',
      'exchange under way',
      'exchange taken, its answer under way',
      'unlinking while the exchange settles',
    ],
    ['sleep', 'exchange that may have been taken waiting for its next attempt'],
  ],
  'connect-steps.ts createProcessorToken': [
    [
      'link.setup.createProcessorToken',
      'accounts under way',
      'processor token taken, its answer under way',
      'processor token waiting for its next attempt',
    ],
  ],
  'connect-steps.ts waitForHistory': [
    ['link.readSettings', 'history asked for'],
    ['inspectItem', 'history asked for'],
    ['condition', 'history awaited'],
  ],
  'upkeep-steps.ts lookAtItem': [['inspectItem', 'the Item looked at after a webhook']],
  'upkeep-steps.ts withdrawAccount': [
    ['condition', 'account withdrawn while its registration is under way'],
    [
      'removeProcessorLink',
      'account withdrawn, its removal under way',
      'account withdrawn, its removal waiting for its next attempt',
    ],
  ],
  'unlink.ts unlink': [
    ['condition', 'unlinking while the exchange settles', FAILING],
    [
      'removeProcessorLink',
      'unlinking, the registration being removed',
      'unlinking, the removal waiting for its next attempt',
    ],
    ['link.precaution.removeProcessorLink', FAILING],
    ['link.readSettings', 'exchange taken, its answer under way'],
    ['link.cleanup.removeItem', 'unlinking, the Item being removed'],
  ],
  'steps.ts stepsOf': [['perform', 'exchange under way']],
  'steps.ts perform': [
    ['call', 'exchange under way', 'registration under way'],
    ['observer', 'processor token waiting for an operator'],
    // Of a step with an observer it is the observer that waits.
    ['', 'processor token waiting for an operator'],
    [
      'sleep',
      'exchange waiting for its next attempt',
      'processor token waiting for its next attempt',
      'registration waiting for its next attempt',
      'result waiting for its next attempt',
    ],
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
