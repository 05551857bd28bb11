import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  log,
  setHandler,
} from '@temporalio/workflow';
import type { FailureCode, ProblemCode } from '../src/contract/failures';
import type { Job } from '../src/contract/jobs';
import { QUERIES, SIGNALS, UPDATES } from '../src/contract/names';
import type { LinkView } from '../src/contract/schemas';
import type {
  AtomicWebhookSignal,
  JobReport,
  PlaidWebhookSignal,
  RepairLinkTokenAnswer,
  RunJobUpdate,
  WaitForJobAnswer,
  WaitForJobUpdate,
} from '../src/contract/workflow';
import type { LinkRun } from './link-run';
import { inspectItem } from './repair';
import { setQuickHandler } from './sdk/synchronous-signals';
import { failureOf, visibly } from './steps';

const atomicWebhook = defineSignal<[AtomicWebhookSignal]>(SIGNALS.atomicWebhook);
const plaidWebhook = defineSignal<[PlaidWebhookSignal]>(SIGNALS.plaidWebhook);
const getLink = defineQuery<LinkView>(QUERIES.getLink);
const getJobResult = defineQuery<JobReport | null, [Job]>(QUERIES.getJobResult);
const runJob = defineUpdate<LinkView, [RunJobUpdate]>(UPDATES.runJob);
const waitForJob = defineUpdate<WaitForJobAnswer, [WaitForJobUpdate]>(UPDATES.waitForJob);
const createRepairLinkToken = defineUpdate<RepairLinkTokenAnswer>(UPDATES.createRepairLinkToken);
const confirmRepair = defineUpdate<LinkView>(UPDATES.confirmRepair);

/** Sets every handler, before the first wait. Handlers record facts. */
export function handleMessages(link: LinkRun): void {
  setHandler(getLink, () => link.view, { description: 'The LinkView' });
  setHandler(getJobResult, (job) => link.report(job), { description: "One job's state and newest result" });

  setQuickHandler(
    atomicWebhook,
    ({ job, bodySha256 }) => {
      link.noteLength();
      if (link.record.ending || !link.isNewBody(bodySha256)) return;
      if (link.jobState(job) === undefined) log.info('webhook for a job that was not asked for', { job });
      else link.hints.add(job);
    },
    { description: "Atomic's webhook: a job has finished" },
  );

  setQuickHandler(
    plaidWebhook,
    (signal) => {
      link.noteLength();
      if (link.record.ending) return;
      if (link.record.itemId !== undefined) recordPlaidWebhook(link, signal);
      else {
        link.keepEarly(signal);
        // Of a caller's Item that needs a sign-in before its id is known: whichever it is, looking does no harm.
        if (signal.kind === 'sign_in_repaired' && link.record.attention) link.repairHinted = true;
      }
    },
    { description: "Plaid's webhook about the Item" },
  );

  setHandler(
    runJob,
    ({ job }) => {
      link.noteLength();
      if (link.isSettled(job)) {
        link.hints.delete(job);
        link.apply({ type: 'job_requested', job });
      }
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
      link.noteLength();
      const isOver = () => link.isSettled(job) || link.stopping || link.record.ending !== undefined;
      await CancellationScope.nonCancellable(() => condition(isOver));
      return { settled: link.isSettled(job), ...(link.record.ending && { unlinking: true }) };
    },
    {
      validator: ({ job }) => {
        refuseUnlessOpen(link);
        if (link.jobState(job) === undefined)
          throw refusal('job_not_found', 'The link does not have this job.');
      },
      description: 'Wait until a job is settled',
    },
  );

  setHandler(
    createRepairLinkToken,
    async () => {
      link.noteLength();
      const { sealedAccessToken } = link;
      if (sealedAccessToken === undefined) throw refusal('not_linked', 'The link has no Item.');
      try {
        return await CancellationScope.nonCancellable(() =>
          visibly('createRepairLinkToken', 'interactive', { userId: link.input.userId, sealedAccessToken }),
        );
      } catch (error) {
        throw ApplicationFailure.nonRetryable(
          'No Link token could be made.',
          failureOf(error)?.code ?? 'internal_error',
        );
      }
    },
    { validator: () => refuseUnlessNeeded(link), description: 'A Link token of update mode' },
  );

  setHandler(
    confirmRepair,
    async () => {
      const { failure } = await CancellationScope.nonCancellable(() =>
        inspectItem(link, 'interactive', { confirmed: true }),
      );
      if (link.lost) throw refusal('not_linked', 'The Item is gone.');
      if (failure && failure.code !== 'sign_in_required') {
        // Nobody may ask again, so the link goes on looking.
        link.repairHinted = true;
        throw refusal(failure.code, 'The Item could not be looked at now.');
      }
      if (link.record.attention) throw refusal('still_needs_attention', 'The Item still needs the user.');
      return link.view;
    },
    {
      validator: () => refuseUnlessNeeded(link),
      description: 'Look whether the sign-in is repaired, and go on',
    },
  );
}

/** Records what a webhook of Plaid's says about the link's own Item; another Item's does nothing. */
export function recordPlaidWebhook(link: LinkRun, signal: PlaidWebhookSignal): void {
  if (signal.itemId !== link.record.itemId) {
    log.info('webhook for another Item');
    return;
  }
  switch (signal.kind) {
    case 'sign_in_required':
      link.repairHinted = false;
      link.apply({ type: 'attention_needed', code: 'sign_in_required' });
      return;
    case 'sign_in_repaired':
      link.repairHinted = true;
      return;
    case 'pending_disconnect':
    case 'pending_expiration':
      link.apply({
        type: 'warned',
        warning: { code: signal.kind, ...(signal.until !== undefined && { until: signal.until }) },
      });
      return;
    case 'permission_revoked':
      link.revoke();
      return;
    case 'account_revoked':
      if (signal.accountId === link.record.account?.accountId) link.accountRevoked = true;
      return;
    case 'history_ready':
      link.historyReady = true;
      return;
  }
}

function refuseUnlessOpen(link: LinkRun): void {
  if (link.record.ending) throw refusal('not_linked', 'The link is being removed.');
}

function refuseUnlessNeeded(link: LinkRun): void {
  refuseUnlessOpen(link);
  // A bank that is about to drop the sign-in wants the same of the user as one that has.
  if (!link.record.attention && !link.record.warning) {
    throw refusal('not_needed', 'The link needs no attention.');
  }
}

function refusal(code: ProblemCode | FailureCode, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, code);
}
