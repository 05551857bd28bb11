import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
} from '@temporalio/workflow';
import type { FailureCode, ProblemCode } from '../src/contract/failures';
import type { Job } from '../src/contract/jobs';
import { QUERIES, SIGNALS, UPDATES } from '../src/contract/names';
import type { LinkView } from '../src/contract/schemas';
import type {
  AtomicWebhookSignal,
  ChooseAccountUpdate,
  CreateRepairLinkTokenUpdate,
  JobReport,
  PlaidWebhookSignal,
  RepairLinkTokenAnswer,
  RunJobUpdate,
  WaitForJobAnswer,
  WaitForJobUpdate,
} from '../src/contract/workflow';
import { inspectItem } from './inspect-item';
import type { LinkRun } from './link-run';

import { setQuickHandler } from './sdk/synchronous-signals';
import { failureOf } from './step-failure';

const atomicWebhook = defineSignal<[AtomicWebhookSignal]>(SIGNALS.atomicWebhook);
const plaidWebhook = defineSignal<[PlaidWebhookSignal]>(SIGNALS.plaidWebhook);
const renew = defineSignal(SIGNALS.renew);
const retryNow = defineSignal(SIGNALS.retryNow);
const getLink = defineQuery<LinkView>(QUERIES.getLink);
const getJobResult = defineQuery<JobReport | null, [Job]>(QUERIES.getJobResult);
const runJob = defineUpdate<LinkView, [RunJobUpdate]>(UPDATES.runJob);
const waitForJob = defineUpdate<WaitForJobAnswer, [WaitForJobUpdate]>(UPDATES.waitForJob);
const createRepairLinkToken = defineUpdate<RepairLinkTokenAnswer, [CreateRepairLinkTokenUpdate]>(
  UPDATES.createRepairLinkToken,
);
const confirmRepair = defineUpdate<LinkView>(UPDATES.confirmRepair);
const chooseAccount = defineUpdate<LinkView, [ChooseAccountUpdate]>(UPDATES.chooseAccount);

/** Sets every handler, before the first wait. Handlers record facts. */
export function handleMessages(link: LinkRun): void {
  setHandler(getLink, () => link.view, { description: 'The LinkView' });
  setHandler(getJobResult, (job) => link.report(job), { description: "One job's state and newest result" });

  setQuickHandler(
    atomicWebhook,
    (signal) => {
      link.span.noteLength();
      link.inbox.takeAtomic(signal);
    },
    { description: "Atomic's webhook: a job has finished" },
  );

  setQuickHandler(
    plaidWebhook,
    (signal) => {
      link.span.noteLength();
      link.inbox.takePlaid(signal);
    },
    { description: "Plaid's webhook about the Item" },
  );

  setQuickHandler(renew, () => link.span.renew(), {
    description: 'Continue as new: old results and old keys leave the open history',
  });

  setQuickHandler(retryNow, () => link.retryNow(), {
    description: 'Try steps at once that wait before their next start',
  });

  setHandler(
    runJob,
    ({ job }) => {
      link.span.noteLength();
      link.apply({ type: 'job_requested', job });
      // Whoever asks for a job may know that the user has been at the bank.
      if (link.facts.attention) link.apply({ type: 'look_wanted' });
      return link.view;
    },
    {
      validator: (_: RunJobUpdate) => refuseUnlessOpen(link),
      description: 'Run a further job, or one again',
    },
  );

  setHandler(
    waitForJob,
    async ({ job }) => {
      link.span.noteLength();
      const isOver = () => link.isSettled(job) || link.stopping || link.facts.ending !== undefined;
      await CancellationScope.nonCancellable(() => condition(isOver));
      return { settled: link.isSettled(job), ...(link.facts.ending && { unlinking: true }) };
    },
    {
      validator: ({ job }: WaitForJobUpdate) => {
        refuseUnlessOpen(link);
        if (link.facts.jobs[job] === undefined)
          throw refusal('job_not_found', 'The link does not have this job.');
      },
      description: 'Wait until a job is settled',
    },
  );

  setHandler(
    createRepairLinkToken,
    async ({ replyKey, redirectUri, language }) => {
      link.span.noteLength();
      const { userId, sealedAccessToken, lacksConsent } = link.facts;
      if (sealedAccessToken === undefined) throw refusal('not_linked', 'The link has no Item.');
      try {
        return await CancellationScope.nonCancellable(() =>
          link.interactive.createRepairLinkToken({
            userId,
            sealedAccessToken,
            replyKey,
            ...(lacksConsent && { lacksConsent }),
            ...(redirectUri !== undefined && { redirectUri }),
            ...(language !== undefined && { language }),
          }),
        );
      } catch (error) {
        const failure = failureOf(error);
        if (failure?.code === 'access_revoked') link.apply({ type: 'item_lost', reason: failure });
        throw refusal(failure?.code ?? 'internal_error', 'The Link token could not be made.');
      }
    },
    {
      validator: (_: CreateRepairLinkTokenUpdate) => refuseUnlessNeeded(link),
      description: 'A Link token of update mode',
    },
  );

  setHandler(
    confirmRepair,
    async () => {
      const { failure } = await CancellationScope.nonCancellable(() =>
        inspectItem(link, link.interactive, { confirmed: true }),
      );
      if (link.facts.lost) throw refusal('not_linked', 'The Item is gone.');
      if (failure && failure.code !== 'sign_in_required') {
        // The caller may not ask again, so the link keeps looking.
        link.apply({ type: 'look_wanted' });
        throw refusal(failure.code, 'The Item cannot be read at the moment.');
      }
      if (link.facts.attention) throw refusal('still_needs_attention', 'The Item still needs the user.');
      return link.view;
    },
    {
      validator: () => refuseUnlessNeeded(link),
      description: 'Check whether the sign-in is repaired, and continue',
    },
  );

  setHandler(
    chooseAccount,
    ({ accountId }) => {
      link.span.noteLength();
      link.apply({ type: 'account_chosen', accountId });
      return link.view;
    },
    {
      validator: ({ accountId }: ChooseAccountUpdate) => {
        refuseUnlessOpen(link);
        const { choices } = link.facts;
        if (!choices) throw refusal('not_needed', 'The link does not ask for an account.');
        if (!choices.some((choice) => choice.accountId === accountId))
          throw refusal('account_not_found', 'The account is not one of the choices.');
      },
      description: 'The account that the user has chosen',
    },
  );
}

function refuseUnlessOpen(link: LinkRun): void {
  if (link.facts.ending) throw refusal('not_linked', 'The link is being removed.');
}

function refuseUnlessNeeded(link: LinkRun): void {
  refuseUnlessOpen(link);
  // Before the bank ends access, the user can do the same as after.
  if (!link.facts.attention && !link.facts.warning) {
    throw refusal('not_needed', 'The link needs no attention.');
  }
}

function refusal(code: ProblemCode | FailureCode, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, code);
}
