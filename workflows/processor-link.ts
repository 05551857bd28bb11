import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  sleep,
} from '@temporalio/workflow';
import { FAILURES, type FailureCode, type LinkError } from '../src/contract/failures';
import { JOBS } from '../src/contract/jobs';
import type { LinkView } from '../src/contract/schemas';
import type { ProcessorLinkInput } from '../src/contract/workflow';
import { followJob } from './job-follower';
import { type Carried, LinkRun } from './link-run';
import { isRefused } from './link-state';
import { handleMessages, recordPlaidWebhook } from './messages';
import { inspectItem } from './repair';
import { failureOf, quickly, type StepFailure, toLinkError, visibly } from './steps';

/** How often Plaid is asked whether the history is in: 30 s, doubling, to 10 minutes. */
const HISTORY_CHECK_MS = { first: 30_000, longest: 600_000 } as const;

/**
 * A user's link, from the public token to the results and back to nothing. It stays open while the user is linked;
 * cancelling it is unlink. `carried` and the results come from the run before, one payload a job in the order of JOBS.
 *
 * Completes with the last LinkView when the bank's user withdrew permission, ends as Cancelled when it was unlinked,
 * and fails with an ApplicationFailure whose type is a code of the closed list.
 */
export async function processorLink(
  input: ProcessorLinkInput,
  carried?: Carried,
  ...results: unknown[]
): Promise<LinkView> {
  const link = new LinkRun(input, carried, results);
  handleMessages(link);
  const close = () => condition(() => link.isTold && allHandlersFinished());

  try {
    await link.story.run(async () => {
      await tend(link);
      await close();
    });
    return await continueAsNew<typeof processorLink>(...link.carry());
  } catch (error) {
    const failure = isCancellation(error) ? undefined : failureOf(error);
    // Neither: continue-as-new, or a bug, which fails the workflow task and is tried again once it is mended.
    if (!failure && !isCancellation(error)) throw error;
    link.story.cancel();
    await CancellationScope.nonCancellable(async () => {
      await cleanUp(link, failure && toLinkError(failure));
      await close();
    });
    if (failure) throw linkFailure(failure);
    if (link.revoked) return link.view;
    throw error;
  }
}

/**
 * Keeps the link connected while its jobs are followed. Ends when the run should make way for the next; whichever fails
 * first is thrown, and the others end with the scope.
 */
function tend(link: LinkRun): Promise<unknown> {
  return Promise.all([...JOBS.map((job) => followJob(link, job)), stayConnected(link)]);
}

async function stayConnected(link: LinkRun): Promise<void> {
  if (!link.record.exchanged) await exchange(link);
  while (!link.shouldMakeWay) {
    if (isRefused(link.record)) throw refusalOf(link);
    if (link.lost) throw linkFailure(link.lost);
    if (link.accountRevoked) await withdrawAccount(link);
    else if (link.record.attention || link.repairHinted) await waitForRepair(link);
    else if (!link.record.connected) await createProcessorToken(link);
    else if (!link.historyReady) await waitForHistory(link);
    else await condition(() => hasChanged(link));
  }
  link.stopping = true;
}

/** Something has happened that {@link stayConnected} has to act on. */
function hasChanged(link: LinkRun): boolean {
  const { attention, connected } = link.record;
  return (
    link.shouldMakeWay ||
    link.accountRevoked ||
    link.repairHinted ||
    link.lost !== undefined ||
    attention !== undefined ||
    !connected ||
    isRefused(link.record)
  );
}

async function exchange(link: LinkRun): Promise<void> {
  const { userId, sealedPublicToken } = link.input;
  if (sealedPublicToken === undefined)
    throw configurationFailure('The input has neither a public nor an access token.');
  link.begin('settling');
  try {
    const exchanged = await visibly('exchangePublicToken', 'exchange', { userId, sealedPublicToken });
    link.madeItem = true;
    link.sealedAccessToken = exchanged.sealedAccessToken;
    link.apply({ type: 'exchanged', itemId: exchanged.itemId });
  } finally {
    link.end('settling');
  }
  for (const signal of link.takeEarly()) recordPlaidWebhook(link, signal);
}

async function createProcessorToken(link: LinkRun): Promise<void> {
  const { userId, accountId } = link.input;
  const { sealedAccessToken, record } = link;
  if (sealedAccessToken === undefined) throw configurationFailure('The link has no access token.');
  const step = 'create processor token';
  try {
    const created = await quickly('createProcessorToken', 'setup', link.stalled(step), {
      userId,
      sealedAccessToken,
      ...(accountId !== undefined && { accountId }),
      ...(record.account && { known: record.account }),
    });
    link.settings ??= created.settings;
    if (link.settings.waitForHistoryMs === 0) link.historyReady = true;
    link.sealedProcessorToken = created.sealedProcessorToken;
    link.apply({ type: 'processor_token_created', itemId: created.itemId, account: created.account });
  } catch (error) {
    if (!needsUser(error)) throw error;
    link.apply({ type: 'attention_needed', code: 'sign_in_required' });
  } finally {
    link.resumed(step);
  }
  for (const signal of link.takeEarly()) recordPlaidWebhook(link, signal);
}

/** Waits, where the settings ask for it, until Plaid has the full history or the time for that has passed. */
async function waitForHistory(link: LinkRun): Promise<void> {
  const { waitForHistoryMs } = await link.readSettings();
  const endMs = Date.parse(link.record.createdAt) + waitForHistoryMs;
  let intervalMs: number = HISTORY_CHECK_MS.first;
  while (!link.historyReady) {
    const { historyReady } = await inspectItem(link, 'setup');
    const leftMs = endMs - Date.now();
    if (historyReady || leftMs <= 0) link.historyReady = true;
    const changed = () => link.historyReady || hasChanged(link);
    if (await condition(changed, Math.min(intervalMs, Math.max(leftMs, 1)))) return;
    intervalMs = Math.min(intervalMs * 2, HISTORY_CHECK_MS.longest);
  }
}

/** Waits until the user has repaired the sign-in: the caller says so by update, or Plaid by webhook. */
async function waitForRepair(link: LinkRun): Promise<void> {
  await condition(
    () =>
      !link.record.attention ||
      link.repairHinted ||
      link.lost !== undefined ||
      link.accountRevoked ||
      link.shouldMakeWay,
  );
  if (!link.repairHinted) return;
  link.repairHinted = false;
  await inspectItem(link, 'setup', { confirmed: true });
}

/** The bank withdrew the account: Atomic drops it, and the user is asked to choose one again. */
async function withdrawAccount(link: LinkRun): Promise<void> {
  link.apply({ type: 'attention_needed', code: 'access_revoked' });
  await condition(() => link.isSettledDown);
  if (link.mayBeRegistered) await remove(link, 'removeProcessorLink');
  link.mayBeRegistered = false;
  link.accountRevoked = false;
  link.disconnect();
  for (const job of JOBS) delete link.results[job];
  link.apply({ type: 'account_withdrawn' });
}

/** Leaves nothing behind, in the order that ends Atomic's access first. Safe where nothing was done yet. */
async function cleanUp(link: LinkRun, failure: LinkError | undefined): Promise<void> {
  link.apply({ type: 'ending', ...(failure && { failure }) });
  // The history has to know why before anything is gone: a task that is made again would find another reason.
  if (failure) await sleep(1, { summary: 'fails' });
  await condition(() => link.isSettledDown);
  if (link.mayBeRegistered) await remove(link, 'removeProcessorLink');
  if (link.madeItem && (failure || (await link.readSettings()).removeItemOnUnlink))
    await remove(link, 'removeItem');
  link.forget();
  link.apply({ type: 'ended' });
}

async function remove(link: LinkRun, step: 'removeProcessorLink' | 'removeItem'): Promise<void> {
  const { userId } = link.input;
  if (step === 'removeProcessorLink') {
    await quickly('removeProcessorLink', 'cleanup', link.stalled(step), { userId });
  } else if (link.sealedAccessToken !== undefined) {
    const { sealedAccessToken } = link;
    await quickly('removeItem', 'cleanup', link.stalled(step), { userId, sealedAccessToken });
  }
  link.resumed(step);
}

function needsUser(error: unknown): boolean {
  return failureOf(error)?.code === 'sign_in_required';
}

/** Atomic refused every job: the link fails with the first one's code. */
function refusalOf(link: LinkRun): ApplicationFailure {
  const [error] = JOBS.flatMap((job) => link.record.jobs[job]?.error ?? []);
  const code: FailureCode = error?.code ?? 'provider_rejected';
  return ApplicationFailure.nonRetryable(FAILURES[code].message, code);
}

function linkFailure({ code, details }: StepFailure): ApplicationFailure {
  const { message, action } = FAILURES[code];
  return ApplicationFailure.create({
    type: code,
    message,
    nonRetryable: true,
    details: [{ action, ...details }],
  });
}

function configurationFailure(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'configuration_error');
}
