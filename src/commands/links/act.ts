/** Commands that change links: one user, or all of a query. */
import { setTimeout as sleep } from 'node:timers/promises';
import { userIdOf } from '../../contract/names';
import { type BatchWork, runBatch } from '../../operator/links/batch';
import { findLinks, openLinksQuery } from '../../operator/links/open-links';
import { StartError } from '../../process/start-error';
import type { LinksArguments } from './arguments';
import { EXIT } from './exit-codes';
import { endProgress, printJson, say, showProgress } from './output';
import { type LinksSession, runLinksCommand } from './session';

export interface LinkAction {
  name: string;
  /** What happens to a link, for people: `ask Atomic for results`. */
  does: string;
  /** Does it to one link; answers what was done. */
  actOn(session: LinksSession, userId: string, args: LinksArguments): Promise<string>;
  /** The same for all links of a query, by Temporal itself. */
  batch?: BatchWork;
  /** Whether it may be about one job of a link. */
  takesJob?: true;
  /** The links that a condition of `--query` is about. Default: open ones. */
  among?: (condition: string | undefined) => string;
}

interface Outcome {
  userId: string;
  outcome?: string;
  error?: { code: string; message: string };
}

/** At the same time, within the pace. */
const CONCURRENCY = 20;
const SHOWN_USERS = 20;

export function act(action: LinkAction, args: LinksArguments): Promise<void> {
  if (args.userId === undefined && args.query === undefined) {
    throw new StartError(`Name a user, or links by --query: npm run links -- ${action.name} <userId>`);
  }
  if (args.job !== undefined && !action.takesJob) throw new StartError(`${action.name} takes no job.`);
  return runLinksCommand(args, async (session) => {
    const users = await usersOf(session, action, args);
    if (args.dryRun || !args.yes) return announce(action, users, args);
    return args.query !== undefined && action.batch
      ? byBatch(session, action, action.batch, args.query, users.length, args.json)
      : oneByOne(session, action, users, args);
  });
}

async function usersOf(
  session: LinksSession,
  { among = openLinksQuery }: LinkAction,
  { userId, query }: LinksArguments,
): Promise<string[]> {
  if (userId !== undefined) return [userId];
  const ids = await findLinks(session, among(query));
  return [...new Set(ids)].flatMap((id) => userIdOf(id) ?? []);
}

/** Says what would be done, and does nothing. */
function announce(action: LinkAction, users: readonly string[], { dryRun, json }: LinksArguments): number {
  if (json) {
    printJson({ action: action.name, dryRun: true, links: users.map((userId) => ({ userId })) });
  } else {
    say(`Would ${action.does}, for ${counted(users.length)}:`);
    for (const userId of users.slice(0, SHOWN_USERS)) say(`  ${userId}`);
    if (users.length > SHOWN_USERS) say(`  … and ${users.length - SHOWN_USERS} more`);
    if (!dryRun) say('Nothing was done. Say --yes to do it.');
  }
  return dryRun ? EXIT.done : EXIT.notConfirmed;
}

async function byBatch(
  session: LinksSession,
  { name, does }: LinkAction,
  work: BatchWork,
  query: string,
  expected: number,
  json: boolean,
): Promise<number> {
  const request = { query: openLinksQuery(query), reason: `npm run links -- ${name}`, work };
  const { total, done, failed } = await runBatch(session, request, (progress) =>
    showProgress(`${name}: ${progress.done + progress.failed} of ${Math.max(progress.total, expected)}`),
  );
  endProgress();
  if (json) printJson({ action: name, dryRun: false, total, done, failed });
  else say(`Did ${does}: ${counted(done)}${failed > 0 ? `, ${failed} failed` : ''}.`);
  return exitCodeOf(done, failed);
}

async function oneByOne(
  session: LinksSession,
  action: LinkAction,
  users: readonly string[],
  args: LinksArguments,
): Promise<number> {
  const outcomes: Outcome[] = [];
  const startedMs = performance.now();
  let started = 0;
  const queue = users.values();
  const work = async () => {
    for (const userId of queue) {
      const dueMs = startedMs + (started++ * 1_000) / args.pace;
      await sleep(Math.max(0, dueMs - performance.now()));
      outcomes.push(await outcomeOf(session, action, userId, args));
      showProgress(`${action.name}: ${outcomes.length} of ${users.length}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, users.length) }, work));
  if (users.length > 1) endProgress();
  const failed = outcomes.filter(({ error }) => error !== undefined);
  const done = outcomes.length - failed.length;
  if (args.json) {
    const counts = { total: outcomes.length, done, failed: failed.length };
    printJson({ action: action.name, dryRun: false, ...counts, links: outcomes });
  } else {
    printOutcomes(action, outcomes, failed);
  }
  return exitCodeOf(done, failed.length);
}

async function outcomeOf(
  session: LinksSession,
  action: LinkAction,
  userId: string,
  args: LinksArguments,
): Promise<Outcome> {
  try {
    return { userId, outcome: await action.actOn(session, userId, args) };
  } catch (error) {
    if (args.userId !== undefined) throw error;
    const { code, message } = session.explain(error);
    return { userId, error: { code, message } };
  }
}

function printOutcomes(action: LinkAction, outcomes: readonly Outcome[], failed: readonly Outcome[]): void {
  const [only] = outcomes;
  if (outcomes.length === 1 && only?.outcome !== undefined) {
    say(`${only.userId}: ${only.outcome}`);
    return;
  }
  say(`Did ${action.does}: ${counted(outcomes.length - failed.length)}.`);
  for (const { userId, error } of failed.slice(0, SHOWN_USERS)) say(`  ${userId}: ${error?.message}`);
  if (failed.length > SHOWN_USERS) say(`  … and ${failed.length - SHOWN_USERS} more failed`);
}

function exitCodeOf(done: number, failed: number): number {
  if (failed === 0) return EXIT.done;
  return done === 0 ? EXIT.failed : EXIT.inPart;
}

function counted(links: number): string {
  return links === 1 ? '1 link' : `${links} links`;
}
