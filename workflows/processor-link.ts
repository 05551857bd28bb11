import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  workflowInfo,
} from '@temporalio/workflow';
import { JOBS, type Job } from '../src/contract/jobs';
import { userIdOf } from '../src/contract/names';
import type { LinkView } from '../src/contract/schemas';
import type { ProcessorLinkInput } from '../src/contract/workflow';
import { createProcessorToken, exchangePublicToken, waitForHistory } from './connect-steps';
import { fetchJobResult, registerProcessorLink, waitForWebhook } from './job-steps';
import { type Carried, LinkRun } from './link-run';
import { handleMessages } from './messages';
import { lossOf, nextJobStep, nextStep, viaOf } from './next-step';
import { failureOf, ignoreFailure, linkFailure } from './step-failure';
import { unlink } from './unlink';
import { lookAtItem, waitForUser, withdrawAccount } from './upkeep-steps';

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
  while (!link.span.shouldMakeWay) {
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
        await condition(() => link.span.shouldMakeWay || nextStep(link.facts) !== step);
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

/** The id of a workflow is its user's: an input for another one would mix up what belongs to whom. */
function refuseAnotherUser({ userId }: ProcessorLinkInput): void {
  if (userIdOf(workflowInfo().workflowId) === userId) return;
  throw ApplicationFailure.nonRetryable(
    "The workflow's id is not that of the input's user.",
    'internal_error',
  );
}
