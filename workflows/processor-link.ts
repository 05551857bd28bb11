import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { JOBS, type Job } from '../src/contract/jobs';
import { userIdOf } from '../src/contract/names';
import type { LinkView } from '../src/contract/schemas';
import type { ProcessorLinkInput } from '../src/contract/workflow';
import { inspectItem, signInNeeded } from './inspect-item';
import { fetchJobResult, registerProcessorLink, waitForWebhook } from './job-steps';
import { type Carried, LinkRun } from './link-run';
import { handleMessages } from './messages';
import { lossOf, nextJobStep, nextStep, viaOf } from './next-step';
import { nextPollMs } from './poll-schedule';
import { failureOf, linkFailure, mayHaveHappenedMs, type Reason } from './step-failure';

/**
 * Between attempts at the exchange that may have reached Plaid, of which there are one more than pauses. Those that cannot
 * have reached it are made under the step's own budget.
 */
const EXCHANGE_PAUSES_MS = [15_000, 120_000];
/** So long after it was sent, a request has either arrived or never will. */
const LATEST_ARRIVAL_MS = 30_000;
/** While the user has to act, the Item is looked at after so long, then at intervals that double up to a day. */
const FIRST_LOOK_AFTER_MS = 15 * 60_000;
/** How often Plaid is asked whether the history is in: 30 s, doubling, to 10 minutes. */
const HISTORY_CHECK_MS = { first: 30_000, longest: 600_000 } as const;

/**
 * A user's link, from the public token to the results and back to nothing:
 *
 * 1 {@link exchangePublicToken}, 2 {@link createProcessorToken}, 3 {@link registerProcessorLink} once per job,
 * 4 {@link waitForWebhook}, 5 {@link fetchJobResult}, 6 {@link stayLinked}, 7 {@link unlink}.
 *
 * It stays open while the user is linked; cancelling it is unlink. `carried` and the results come from the run before, one
 * payload per job in the order of JOBS. Completes with the last LinkView when the bank's user withdrew permission, ends as
 * Cancelled when it was unlinked, and fails with an ApplicationFailure whose type is a code of the closed list.
 */
export async function processorLink(
  input: ProcessorLinkInput,
  carried?: Carried,
  ...results: unknown[]
): Promise<LinkView> {
  refuseAnotherUser(input);
  const link = new LinkRun(input, carried, results);
  handleMessages(link);
  const close = () => condition(() => link.isTold && allHandlersFinished());
  try {
    await link.story.run(async () => {
      await stayLinked(link);
      await resealTokens(link);
      await close();
    });
    return await continueAsNew<typeof processorLink>(...link.carry());
  } catch (error) {
    const failure = isCancellation(error) ? undefined : failureOf(error);
    // Neither: continue-as-new, or a bug, which fails the workflow task and is tried again once it is mended.
    if (!failure && !isCancellation(error)) throw error;
    link.story.cancel();
    await CancellationScope.nonCancellable(async () => {
      await unlink(link, failure);
      await close();
    });
    if (failure) throw linkFailure(failure);
    if (link.facts.permissionRevoked) return link.view;
    throw error;
  }
}

/**
 * Carries out what comes next, for the link and for each of its jobs side by side. Ends when the run makes way for the
 * next; whichever fails first is thrown, and the others end with the scope.
 */
async function stayLinked(link: LinkRun): Promise<void> {
  await Promise.all([followLink(link), ...JOBS.map((job) => followJob(link, job))]);
}

async function followLink(link: LinkRun): Promise<void> {
  while (!link.shouldMakeWay) {
    const step = nextStep(link.facts);
    switch (step) {
      case 'exchange_public_token':
        await exchangePublicToken(link);
        break;
      case 'create_processor_token':
        await createProcessorToken(link);
        break;
      case 'wait_for_history':
        await waitForHistory(link);
        break;
      case 'look_at_item':
        await lookAtItem(link);
        break;
      case 'withdraw_account':
        await withdrawAccount(link);
        break;
      case 'wait_for_user':
        await link.limitAge();
        await waitForUser(link);
        break;
      case 'stay_linked':
        await link.limitAge();
        await condition(() => link.shouldMakeWay || nextStep(link.facts) !== step);
        break;
      case 'fail':
        throw linkFailure(lossOf(link.facts) ?? { code: 'internal_error' });
    }
  }
  link.stopping = true;
}

async function followJob(link: LinkRun, job: Job): Promise<void> {
  const isDue = () => link.stopping || nextJobStep(link.facts, job) !== 'rest';
  for (;;) {
    if (!isDue()) await condition(isDue);
    if (link.stopping) return;
    switch (nextJobStep(link.facts, job)) {
      case 'register':
        await registerProcessorLink(link, job);
        break;
      case 'wait_for_webhook':
        await waitForWebhook(link, job);
        break;
      case 'fetch_result':
        await fetchJobResult(link, job, viaOf(link.facts, job));
        break;
      case 'rest':
        break;
    }
  }
}

/** Step 1: Plaid `/item/public_token/exchange`. The token is single-use, so the answer is waited for, unlinked or not. */
async function exchangePublicToken(link: LinkRun): Promise<void> {
  const { userId, sealedPublicToken } = link.input;
  if (sealedPublicToken === undefined)
    throw ApplicationFailure.nonRetryable(
      'The input has neither a public nor an access token.',
      'internal_error',
    );
  await link.during(['settling'], async () => {
    for (let unheard = 1; ; unheard += 1) {
      try {
        const exchanged = await link.exchange.exchangePublicToken({ userId, sealedPublicToken });
        link.apply({ type: 'exchanged', ...exchanged });
        return;
      } catch (error) {
        const pauseMs = EXCHANGE_PAUSES_MS[unheard - 1];
        if (pauseMs === undefined || mayHaveHappenedMs(failureOf(error)) === undefined) throw error;
        await sleep(pauseMs, { summary: 'the exchange again, whose answer was lost' });
      }
    }
  });
  link.inbox.readEarly();
}

/** Step 2: Plaid `/processor/token/create` for the link's account. One that is made twice ends with its Item. */
async function createProcessorToken(link: LinkRun): Promise<void> {
  const { userId, sealedAccessToken } = link.facts;
  if (sealedAccessToken === undefined) return;
  try {
    const created = await link.setup.createProcessorToken({
      userId,
      sealedAccessToken,
      ...link.wantedAccount,
    });
    link.useSettings(created.settings);
    link.apply({ type: 'item_known', itemId: created.itemId });
    if ('problem' in created)
      link.apply({ type: 'account_unclear', code: created.problem, choices: created.choices });
    else {
      const { account, sealedProcessorToken, settings } = created;
      const awaitHistory = settings.waitForHistoryMs > 0;
      link.apply({ type: 'processor_token_created', account, sealedProcessorToken, awaitHistory });
    }
  } catch (error) {
    const failure = failureOf(error);
    if (failure?.code !== 'sign_in_required') throw error;
    link.apply(signInNeeded(failure.details?.providerCode));
  }
  link.inbox.readEarly();
}

/** Waits, where the settings ask for it, until Plaid has the full history or the time for that has passed. */
async function waitForHistory(link: LinkRun): Promise<void> {
  const { waitForHistoryMs } = await link.readSettings();
  const endMs = Date.parse(link.facts.historyAwaitedSince ?? '') + waitForHistoryMs;
  const isOver = () => link.shouldMakeWay || nextStep(link.facts) !== 'wait_for_history';
  let intervalMs: number = HISTORY_CHECK_MS.first;
  while (!isOver()) {
    const { historyReady } = await inspectItem(link, link.setup);
    const leftMs = endMs - Date.now();
    if (historyReady || leftMs <= 0) link.apply({ type: 'history_ready' });
    if (await condition(isOver, Math.min(intervalMs, Math.max(leftMs, 1)))) return;
    intervalMs = Math.min(intervalMs * 2, HISTORY_CHECK_MS.longest);
  }
}

/** Something suggests that the Item has changed: a sign-in that is needed, or repaired. */
async function lookAtItem(link: LinkRun): Promise<void> {
  const { repairClaimed: confirmed = false, warningHeard: warning } = link.facts;
  link.apply({ type: 'looked' });
  await inspectItem(link, link.setup, { confirmed });
  if (warning && !link.facts.lost) link.apply({ type: 'warned', warning });
}

/** Waits for the user, and looks at the Item now and then: nobody may tell that it is in order again. */
async function waitForUser(link: LinkRun): Promise<void> {
  const { attentionGiveUpAfterMs } = await link.readSettings();
  const elapsedMs = () => Date.now() - Date.parse(link.facts.attentionSince ?? '');
  const isOver = () => link.shouldMakeWay || nextStep(link.facts) !== 'wait_for_user';
  let doneMs = elapsedMs();
  while (!isOver()) {
    const lookMs = nextPollMs(doneMs, FIRST_LOOK_AFTER_MS, attentionGiveUpAfterMs);
    if (lookMs === undefined) throw linkFailure({ code: link.facts.attention ?? 'sign_in_required' });
    const summary = 'looks at the Item';
    if (await condition(isOver, Math.max(lookMs - elapsedMs(), 1), { summary })) return;
    await inspectItem(link, link.setup);
    doneMs = Math.max(lookMs, elapsedMs());
  }
}

/** The bank withdrew the account: Atomic drops it, and the user is asked to choose one again. */
async function withdrawAccount(link: LinkRun): Promise<void> {
  link.apply({ type: 'attention_needed', code: 'access_revoked' });
  await condition(() => link.isSettledDown);
  if (link.facts.mayBeRegistered) await removeProcessorLink(link);
  link.apply({ type: 'account_withdrawn' });
}

/** Step 7: leaves nothing behind, in the order that ends Atomic's access first. Safe where nothing was done yet. */
async function unlink(link: LinkRun, failure: Reason | undefined): Promise<void> {
  link.apply({ type: 'ending', ...(failure && { failure }) });
  await condition(() => link.isSettledDown);
  const { userId, mayBeRegistered, madeItem, sealedAccessToken } = link.facts;
  if (mayBeRegistered) await removeProcessorLink(link);
  // An operator may have reset the run, which then knows nothing of what it did before.
  else if (failure) await link.precaution.removeProcessorLink({ userId }).catch(ignoreFailure);
  if (madeItem && sealedAccessToken !== undefined) {
    if (failure || (await link.readSettings()).removeItemOnUnlink)
      await link.cleanup.removeItem({ userId, sealedAccessToken });
  }
  link.apply({ type: 'ended' });
}

/** Atomic `DELETE /plaid/processor-link`, again where a registration may have arrived since. */
async function removeProcessorLink(link: LinkRun): Promise<void> {
  const { userId, unheardRegistrationAt } = link.facts;
  const arrivedMs = Date.parse(unheardRegistrationAt ?? '') + LATEST_ARRIVAL_MS;
  const mayArrive = arrivedMs > Date.now();
  await link.cleanup.removeProcessorLink({ userId });
  if (!mayArrive) return;
  const leftMs = Math.max(arrivedMs - Date.now(), 1);
  await sleep(leftMs, { summary: 'a registration may still arrive' });
  await link.cleanup.removeProcessorLink({ userId });
}

/** Tokens under the first key, so that the next run begins without older ones. What cannot be sealed again goes as it is. */
async function resealTokens(link: LinkRun): Promise<void> {
  const { userId, sealedAccessToken, sealedProcessorToken } = link.facts;
  if (sealedAccessToken === undefined) return;
  try {
    const resealed = await link.interactive.resealTokens({
      userId,
      sealedAccessToken,
      ...(sealedProcessorToken !== undefined && { sealedProcessorToken }),
    });
    link.apply({ type: 'tokens_resealed', ...resealed });
  } catch (error) {
    ignoreFailure(error);
  }
}

/** A step that failed is let be; a cancellation, or a bug, is not. */
function ignoreFailure(error: unknown): void {
  if (!failureOf(error)) throw error;
}

/** The id of a workflow is its user's: an input for another one would mix up what belongs to whom. */
function refuseAnotherUser({ userId }: ProcessorLinkInput): void {
  if (userIdOf(workflowInfo().workflowId) === userId) return;
  throw ApplicationFailure.nonRetryable(
    "The workflow's id is not that of the input's user.",
    'internal_error',
  );
}
