/** `npm run links -- import`: starts links for users whom the caller has linked at Plaid before. */
import { access, constants } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlaidEnvironment } from '../../contract/plaid';
import type { StartLink } from '../../contract/schemas';
import { LinkClientError } from '../../link-client/link-client-error';
import { importLines } from '../../operator/links/import-lines';
import { type ImportReport, type ImportRow, openImportReport } from '../../operator/links/import-report';
import { StartError } from '../../process/start-error';
import type { ImportArguments } from './arguments';
import { EXIT } from './exit-codes';
import { endProgress, printJson, say, showProgress } from './output';
import { type LinksSession, runLinksCommand } from './session';

/** At the same time, within the pace. */
const CONCURRENCY = 20;
/** Of one line, while Temporal is away or asks to slow down; after that the import ends, to be run again. */
const ATTEMPTS = 5;
const RETRY_AFTER_MS = 2_000;
const SHOWN_ROWS = 20;
const PAGE_SIZE = 200;

interface Counts {
  total: number;
  started: number;
  found: number;
  /** Imported by an earlier run, and left alone. */
  skipped: number;
  failed: number;
}

export function importLinks(args: ImportArguments): Promise<void> {
  return runLinksCommand(args, async (session) => {
    await access(args.file, constants.R_OK).catch(() => {
      throw new StartError(`The file cannot be read: ${args.file}`);
    });
    const report = await openImportReport(args.file);
    const { counts, failures, users } = await survey(args.file, session.settings.plaidEnvironment, report);
    if (args.dryRun || !args.yes) return announce(counts, failures, args);

    for (const row of failures) await report.add(row);
    const toStart = counts.total - counts.skipped - counts.failed;
    await startAll(session, report, { ...args, toStart }, (row) => {
      counts[row.outcome] += 1;
      if (row.outcome === 'failed') failures.push(row);
    });
    const unwell = await linksUnwell(session, users);
    if (args.json) {
      printJson({ action: 'import', dryRun: false, ...counts, report: report.path, failures, unwell });
    } else {
      printOutcome(counts, failures, unwell, report.path);
    }
    if (counts.failed === 0) return EXIT.done;
    return counts.failed === counts.total ? EXIT.failed : EXIT.inPart;
  });
}

/** Reads the whole file once before anything is started. `failures` are the lines that cannot be imported. */
async function survey(file: string, environment: PlaidEnvironment, { done }: ImportReport) {
  const counts: Counts = { total: 0, started: 0, found: 0, skipped: 0, failed: 0 };
  const failures: ImportRow[] = [];
  const users = new Set<string>();
  for await (const read of importLines(file, environment)) {
    counts.total += 1;
    if (!read.ok) {
      counts.failed += 1;
      const { line, userId, message } = read;
      const of = userId === undefined ? {} : { userId };
      failures.push({ line, ...of, outcome: 'failed', code: 'invalid_request', message });
      continue;
    }
    users.add(read.userId);
    if (done.has(read.userId)) counts.skipped += 1;
  }
  return { counts, failures, users };
}

function announce(counts: Counts, failures: readonly ImportRow[], { dryRun, json }: ImportArguments): number {
  const toStart = counts.total - counts.skipped - counts.failed;
  if (json) {
    printJson({ action: 'import', dryRun: true, ...counts, toStart, failures });
  } else {
    say(`Would start ${toStart} links; ${counts.skipped} are imported, ${counts.failed} lines are wrong.`);
    printRows(failures);
    if (!dryRun) say('Nothing was done. Say --yes to do it.');
  }
  return dryRun ? EXIT.done : EXIT.notConfirmed;
}

/** Starts what has not been started. Rejects when Temporal stays away; the report then says how far it came. */
async function startAll(
  session: LinksSession,
  report: ImportReport,
  { file, pace, toStart }: { file: string; pace: number; toStart: number },
  onRow: (row: ImportRow) => void,
): Promise<void> {
  const lines = importLines(file, session.settings.plaidEnvironment);
  const beganMs = performance.now();
  let taken = 0;
  let ended = 0;
  const work = async () => {
    for await (const read of lines) {
      if (!read.ok || report.done.has(read.userId)) continue;
      const dueMs = beganMs + (taken++ * 1_000) / pace;
      await sleep(Math.max(0, dueMs - performance.now()));
      const { line, userId } = read;
      const row: ImportRow = { line, userId, ...(await outcomeOf(session, read.request)) };
      await report.add(row);
      onRow(row);
      showProgress(`import: ${++ended} of ${toStart}`);
    }
  };
  // All read from one generator: the first that cannot go on ends it for the others too.
  const outcomes = await Promise.allSettled(Array.from({ length: Math.min(CONCURRENCY, toStart) }, work));
  endProgress();
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

type Outcome = Pick<ImportRow, 'outcome' | 'code' | 'message'>;

/** Starts one link. The same request twice finds the link that it started. */
async function outcomeOf({ links }: LinksSession, request: StartLink): Promise<Outcome> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { created } = await links.start(request);
      return { outcome: created ? 'started' : 'found' };
    } catch (error) {
      if (!(error instanceof LinkClientError)) throw error;
      const { code, message, retryAfterMs = RETRY_AFTER_MS } = error;
      const isPassing = code === 'temporal_unavailable' || code === 'overloaded';
      if (!isPassing) return { outcome: 'failed', code, message };
      if (attempt === ATTEMPTS) throw error;
      await sleep(retryAfterMs);
    }
  }
}

interface Unwell {
  userId: string;
  state: string;
  errorCode?: string;
}

/** Of these users, those whose links have failed or need them, as far as the index knows by now. */
async function linksUnwell({ links }: LinksSession, users: ReadonlySet<string>): Promise<Unwell[]> {
  const unwell: Unwell[] = [];
  for (const state of ['failed', 'needs_attention'] as const) {
    let pageToken: string | undefined;
    do {
      const page = await links.list({
        state,
        pageSize: PAGE_SIZE,
        ...(pageToken !== undefined && { pageToken }),
      });
      for (const { userId, errorCode } of page.links) {
        if (users.has(userId)) unwell.push({ userId, state, ...(errorCode !== undefined && { errorCode }) });
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined);
  }
  return unwell;
}

function printOutcome(
  { started, found, skipped, failed }: Counts,
  failures: readonly ImportRow[],
  unwell: readonly Unwell[],
  path: string,
): void {
  say(
    `${started} links started, ${found} were there, ${skipped} were imported before, ${failed} lines failed.`,
  );
  printRows(failures);
  if (unwell.length > 0) say(`${unwell.length} of these links have failed or need their user:`);
  for (const { userId, state, errorCode } of unwell.slice(0, SHOWN_ROWS)) {
    say(`  ${userId}: ${state}${errorCode === undefined ? '' : ` (${errorCode})`}`);
  }
  if (unwell.length > SHOWN_ROWS) say(`  … and ${unwell.length - SHOWN_ROWS} more`);
  say(`Every line is in ${path}. Run it again for the lines that failed.`);
}

function printRows(failures: readonly ImportRow[]): void {
  for (const { line, userId, message } of failures.slice(0, SHOWN_ROWS)) {
    say(`  line ${line}${userId === undefined ? '' : `, ${userId}`}: ${message}`);
  }
  if (failures.length > SHOWN_ROWS) say(`  … and ${failures.length - SHOWN_ROWS} more`);
}
