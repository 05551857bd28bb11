import { CancellationScope, condition } from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { Job } from '../src/contract/jobs';
import type { LinkRun } from './link-run';
import { nextJobStep, nextStep } from './next-step';
import { nextPollMs } from './poll-schedule';
import { failureOf, mayHaveHappenedMs, type StepFailure } from './step-failure';
import { stepsOf } from './steps';

/** Step 3: Atomic `POST /plaid/processor-link` for one job. Side by side with the other job's. */
export async function registerProcessorLink(link: LinkRun, job: Job): Promise<void> {
  const { userId, sealedProcessorToken } = link.facts;
  if (sealedProcessorToken === undefined) return;
  // A refusal of a token whose account is gone or locked says nothing of the job: it is registered again afterwards.
  const isMeant = () => link.facts.sealedProcessorToken === sealedProcessorToken;
  link.apply({ type: 'registration_begun', job });
  await link.span.during(['step', 'settling'], async () => {
    try {
      await registering(link).registerProcessorLink({ userId, sealedProcessorToken, job });
      if (isMeant()) link.apply({ type: 'job_registered', job });
    } catch (error) {
      const failure = failureOf(error);
      // Cancelled, or given up: an attempt may have been under way at the last moment.
      if (!failure || !isDefinite(failure)) link.apply({ type: 'registration_unheard', sentMs: 0 });
      if (!failure) throw error;
      if (isMeant() && nextStep(link.facts) === 'stay_linked')
        link.apply({ type: 'job_failed', job, reason: failure });
    }
  });
}

/** The step, with a note of each attempt that may have reached Atomic unheard. */
function registering(link: LinkRun): Activities {
  return stepsOf('setup', {
    stalled(step, reason) {
      const sentMs = mayHaveHappenedMs(reason);
      if (sentMs !== undefined) link.apply({ type: 'registration_unheard', sentMs });
      link.stalled(step, reason);
    },
    resumed: (step) => link.resumed(step),
    pause: (ms, summary) => link.pause(ms, summary),
    configurationWaitMs: () => link.configurationWaitMs(),
  });
}

/** Atomic has said no, and meant it. */
function isDefinite(failure: StepFailure): boolean {
  return failure.nonRetryable && mayHaveHappenedMs(failure) === undefined;
}

/** Step 4: waits until the webhook comes, and polls where it does not; a job whose last poll is past has timed out. */
export async function waitForWebhook(link: LinkRun, job: Job): Promise<void> {
  const registeredAt = Date.parse(link.facts.jobs[job]?.registeredAt ?? '');
  const { resultOverdueAfterMs, resultGiveUpAfterMs } = await link.readSettings();
  const elapsedMs = () => Date.now() - registeredAt;
  const isOver = () => link.stopping || nextJobStep(link.facts, job) !== 'wait_for_webhook';
  // What came due while the run before made way is still to be done.
  let doneMs = link.facts.jobs[job]?.polledMs ?? elapsedMs();
  while (!isOver()) {
    const pollMs = nextPollMs(doneMs, resultOverdueAfterMs, resultGiveUpAfterMs);
    if (pollMs === undefined) {
      link.apply({ type: 'job_failed', job, reason: { code: 'result_timeout' } });
      return;
    }
    if (await link.timers.condition(isOver, Math.max(pollMs - elapsedMs(), 1), 'webhook, else poll')) break;
    await fetchJobResult(link, job, 'poll');
    doneMs = Math.max(pollMs, elapsedMs());
  }
  if (link.stopping) link.apply({ type: 'wait_interrupted', job, polledMs: doneMs });
}

/** Step 5: Atomic's result, because a webhook says that it is there or because it is time to ask. */
export async function fetchJobResult(link: LinkRun, job: Job, via: 'webhook' | 'poll'): Promise<void> {
  const { run, sha256: earlierSha256, hint } = link.facts.jobs[job] ?? {};
  const isCurrent = () => link.facts.jobs[job]?.run === run;
  link.apply({ type: 'fetch_started', job });
  await link.span.during(['step'], async () => {
    const scope = new CancellationScope();
    const fetching = scope.run(() =>
      link.result.fetchJobResult({
        userId: link.facts.userId,
        job,
        via,
        ...(earlierSha256 !== undefined && { earlierSha256 }),
        ...(hint?.failed && { failed: true }),
      }),
    );
    // The job may be asked for again, or the account withdrawn, while the answer is under way: it is of no use then.
    const overtaken = scope.run(() => condition(() => !isCurrent()));
    try {
      const fetched = await Promise.race([fetching, overtaken]);
      if (!fetched) fetching.catch(() => undefined);
      else if (fetched.kind === 'not_yet') link.apply({ type: 'result_missing', job });
      else {
        const { result, sha256 } = fetched;
        const { eventTime } = hint ?? {};
        link.complete(result, { job, via, sha256, ...(eventTime !== undefined && { eventTime }) });
      }
    } catch (error) {
      const failure = failureOf(error);
      if (!failure) throw error;
      if (!isCurrent()) return;
      // What may pass is polled for again; what cannot fails the job, and a later webhook may still complete it.
      const isFinal = failure.nonRetryable || failure.code === 'configuration_error';
      link.apply(isFinal ? { type: 'job_failed', job, reason: failure } : { type: 'result_missing', job });
    } finally {
      scope.cancel();
    }
  });
}
