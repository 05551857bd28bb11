import { CancellationScope, condition } from '@temporalio/workflow';
import { linkError } from '../src/contract/failures';
import type { Job } from '../src/contract/jobs';
import type { LinkRun } from './link-run';
import { nextPollMs } from './poll-schedule';
import { failureOf, quickly, toLinkError } from './steps';

/** Follows one job through all its runs: registers it, waits for its webhook or polls, fetches. Ends when the run stops. */
export async function followJob(link: LinkRun, job: Job): Promise<void> {
  const isDue = () =>
    link.stopping || link.canRegister(job) || link.canFetch(job) || link.jobState(job) === 'registered';
  for (;;) {
    if (!isDue()) await condition(isDue);
    if (link.stopping) return;
    if (link.canRegister(job)) await register(link, job);
    else if (link.canFetch(job)) await fetchResult(link, job, 'webhook');
    else await waitForWebhook(link, job);
  }
}

async function register(link: LinkRun, job: Job): Promise<void> {
  const sealedProcessorToken = link.sealedProcessorToken;
  if (sealedProcessorToken === undefined) return;
  const { userId } = link.input;
  const step = `register ${job}`;
  link.mayBeRegistered = true;
  link.begin('step', 'settling');
  try {
    await quickly('registerProcessorLink', 'setup', link.stalled(step), {
      userId,
      sealedProcessorToken,
      job,
    });
    if (link.sealedProcessorToken === sealedProcessorToken) link.apply({ type: 'job_registered', job });
  } catch (error) {
    const failure = failureOf(error);
    if (!failure) throw error;
    // A refusal of a token whose account is gone or locked says nothing of the job: it is registered anew afterwards.
    const isMeant = link.sealedProcessorToken === sealedProcessorToken && !link.needsUser;
    if (isMeant) link.apply({ type: 'job_failed', job, error: toLinkError(failure) });
  } finally {
    link.resumed(step);
    link.end('step', 'settling');
  }
}

/** Waits until the webhook comes or the next poll is due; a job whose last poll is past has timed out. */
async function waitForWebhook(link: LinkRun, job: Job): Promise<void> {
  const registeredAt = Date.parse(link.record.jobs[job]?.registeredAt ?? '');
  const { resultOverdueAfterMs, resultGiveUpAfterMs } = link.settings ?? (await link.readSettings());
  const elapsedMs = () => Date.now() - registeredAt;
  const isOver = () => link.stopping || link.hints.has(job) || link.jobState(job) !== 'registered';
  let doneMs = elapsedMs();
  while (!isOver()) {
    const pollMs = nextPollMs(doneMs, resultOverdueAfterMs, resultGiveUpAfterMs);
    if (pollMs === undefined) {
      link.apply({ type: 'job_failed', job, error: linkError('result_timeout') });
      return;
    }
    const summary = `${job}: webhook, else poll`;
    if (await condition(isOver, Math.max(pollMs - elapsedMs(), 1), { summary })) return;
    await fetchResult(link, job, 'poll');
    doneMs = Math.max(pollMs, elapsedMs());
  }
}

async function fetchResult(link: LinkRun, job: Job, via: 'webhook' | 'poll'): Promise<void> {
  const { run, sha256: earlierSha256 } = link.record.jobs[job] ?? {};
  // The job may be asked for again, or the account withdrawn, while the answer is under way: it is then nobody's.
  const isCurrent = () => link.record.jobs[job]?.run === run;
  if (via === 'webhook') link.hints.delete(job);
  link.apply({ type: 'fetch_started', job });
  link.begin('step');
  const scope = new CancellationScope();
  const fetching = scope.run(() =>
    quickly('fetchJobResult', 'result', () => undefined, {
      userId: link.input.userId,
      job,
      via,
      ...(earlierSha256 !== undefined && { earlierSha256 }),
    }),
  );
  try {
    const fetched = await Promise.race([fetching, link.nextRun(job)]);
    if (!fetched) {
      fetching.catch(() => undefined);
      scope.cancel();
      return;
    }
    if (fetched.kind === 'not_yet') {
      link.apply({ type: 'result_missing', job });
    } else {
      link.results[job] = fetched.result;
      link.apply({ type: 'job_completed', job, via, sha256: fetched.sha256 });
    }
  } catch (error) {
    const failure = failureOf(error);
    if (!failure) throw error;
    if (!isCurrent()) return;
    // What may pass is polled for again; what cannot fails the job, and a later webhook may still complete it.
    link.apply(
      failure.nonRetryable
        ? { type: 'job_failed', job, error: toLinkError(failure) }
        : { type: 'result_missing', job },
    );
  } finally {
    link.end('step');
  }
}
