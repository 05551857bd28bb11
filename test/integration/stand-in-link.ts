/**
 * A workflow with the doors of `processorLink` and nothing behind them: LinkClient's tests move it by signals of their own.
 */
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  proxyActivities,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { JOBS, type Job } from '../../src/contract/jobs';
import { QUERIES, SEARCH_ATTRIBUTES, SIGNALS, UPDATES } from '../../src/contract/names';
import type { LinkView } from '../../src/contract/schemas';
import { isSettled, type LinkState } from '../../src/contract/states';
import type {
  AtomicWebhookSignal,
  ChooseAccountUpdate,
  CreateRepairLinkTokenUpdate,
  JobReport,
  PlaidWebhookSignal,
  ProcessorLinkInput,
  RepairLinkTokenAnswer,
  RunJobUpdate,
  WaitForJobAnswer,
  WaitForJobUpdate,
} from '../../src/contract/workflow';

export interface StandInActivities {
  mintLinkToken(userId: string, replyKey: string): Promise<RepairLinkTokenAnswer>;
}

interface Carried {
  state: LinkState;
  jobs: Partial<Record<Job, JobReport>>;
}

const { mintLinkToken } = proxyActivities<StandInActivities>({ startToCloseTimeout: '10s' });

export async function processorLink(input: ProcessorLinkInput, carried?: Carried): Promise<void> {
  const createdAt = String(workflowInfo().memo?.createdAt);
  let state: LinkState = carried?.state ?? 'waiting';
  const jobs: Carried['jobs'] = carried?.jobs ?? {};
  for (const job of input.jobs) jobs[job] ??= { job, state: 'registered', run: 1 };
  let makeWay = false;
  let released = false;

  const enter = (next: LinkState, errors: string[] = []) => {
    state = next;
    upsertSearchAttributes({
      [SEARCH_ATTRIBUTES.linkState]: [next],
      [SEARCH_ATTRIBUTES.linkStateSince]: [new Date()],
      [SEARCH_ATTRIBUTES.linkError]: errors,
    });
  };
  const view = (): LinkView => ({
    userId: input.userId,
    state,
    jobs: Object.fromEntries(
      JOBS.flatMap((job) => {
        const report = jobs[job];
        return report ? [[job, { state: report.state }] as const] : [];
      }),
    ),
    workflowId: workflowInfo().workflowId,
    runId: workflowInfo().runId,
    createdAt,
    updatedAt: createdAt,
  });
  const unlessEnding = () => {
    if (state === 'unlinking') throw ApplicationFailure.nonRetryable('not linked', 'not_linked');
  };

  setHandler(defineQuery<LinkView>(QUERIES.getLink), view);
  setHandler(defineQuery<JobReport | null, [Job]>(QUERIES.getJobResult), (job) => jobs[job] ?? null);
  setHandler(defineQuery<ProcessorLinkInput>('input'), () => input);
  setHandler(defineSignal<[AtomicWebhookSignal]>(SIGNALS.atomicWebhook), ({ job, bodySha256 }) => {
    const report = jobs[job];
    if (report) jobs[job] = { ...report, state: 'completed', result: JSON.stringify({ from: bodySha256 }) };
  });
  setHandler(defineSignal<[PlaidWebhookSignal]>(SIGNALS.plaidWebhook), ({ kind }) => {
    if (kind === 'sign_in_required') enter('needs_attention', [kind]);
  });
  setHandler(defineSignal('makeWay'), () => {
    makeWay = true;
  });
  let asksForAccount = false;
  setHandler(defineSignal('askForAccount'), () => {
    asksForAccount = true;
  });
  setHandler(
    defineUpdate<LinkView, [ChooseAccountUpdate]>(UPDATES.chooseAccount),
    () => {
      asksForAccount = false;
      return view();
    },
    {
      validator: ({ accountId }) => {
        unlessEnding();
        if (!asksForAccount) throw ApplicationFailure.nonRetryable('fine', 'not_needed');
        if (accountId !== 'acc-1') throw ApplicationFailure.nonRetryable('no such', 'account_not_found');
      },
    },
  );
  setHandler(defineSignal('release'), () => {
    released = true;
  });
  setHandler(
    defineUpdate<LinkView, [RunJobUpdate]>(UPDATES.runJob),
    ({ job }) => {
      const report = jobs[job];
      if (!report || isSettled(report.state)) {
        jobs[job] = { ...report, job, state: 'pending', run: (report?.run ?? 0) + 1 };
      }
      return view();
    },
    { validator: (_update: RunJobUpdate) => unlessEnding() },
  );
  setHandler(
    defineUpdate<WaitForJobAnswer, [WaitForJobUpdate]>(UPDATES.waitForJob),
    async ({ job }) => {
      const settled = () => isSettled(jobs[job]?.state ?? 'pending');
      await condition(() => settled() || makeWay || state === 'unlinking');
      return { settled: settled() };
    },
    {
      validator: ({ job }: WaitForJobUpdate) => {
        if (!jobs[job]) throw ApplicationFailure.nonRetryable('no such job', 'job_not_found');
      },
    },
  );
  setHandler(
    defineUpdate<RepairLinkTokenAnswer, [CreateRepairLinkTokenUpdate]>(UPDATES.createRepairLinkToken),
    ({ replyKey }) => mintLinkToken(input.userId, replyKey),
    {
      validator: (_update: CreateRepairLinkTokenUpdate) => {
        unlessEnding();
        if (state !== 'needs_attention') throw ApplicationFailure.nonRetryable('fine', 'not_needed');
      },
    },
  );
  let confirmations = 0;
  setHandler(defineUpdate<LinkView>(UPDATES.confirmRepair), async () => {
    unlessEnding();
    if (state !== 'needs_attention') throw ApplicationFailure.nonRetryable('fine', 'not_needed');
    confirmations += 1;
    if (confirmations === 1) throw ApplicationFailure.nonRetryable('not yet', 'still_needs_attention');
    enter('waiting');
    return view();
  });

  try {
    await condition(() => makeWay);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(async () => {
      enter('unlinking');
      await condition(() => released);
      enter('unlinked');
    });
    throw error;
  }
  await continueAsNew<typeof processorLink>(input, { state, jobs });
}
