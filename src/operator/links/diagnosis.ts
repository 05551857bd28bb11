/** Why a link stands still, and what helps: a pure function of what Temporal knows of it. */
import { FAILURES, type FailureCode, isFailureCode } from '../../contract/failures';
import type { LinkFacts, PendingStep, PendingTask } from './link-facts';
import type { LinkRow, Move } from './link-row';
import type { ReadFailure } from './read-failure';
import { isoOf } from './temporal-values';

export interface DiagnosisContext {
  nowMs: number;
  /** As `RESULT_OVERDUE_AFTER`: a webhook is waited for that long before anybody asks. */
  resultOverdueAfterMs: number;
  /** Workers that poll the queue for workflow tasks. */
  pollers: number;
}

/** Work that no worker has taken for this long is waiting for one; a busy worker takes it sooner. */
export const UNSTARTED_AFTER_MS = 2_000;

/** As `UnknownKeyError` says it. */
const MISSING_KEY = /ENCRYPTION_KEYS has no key with the id "([A-Za-z0-9_-]{1,32})"/;

type Finding = Pick<LinkRow, 'code' | 'cause' | 'move' | 'command'> & { since: string };

/** The row of a link that is stuck; undefined for one that waits for its user, or as it should. */
export function diagnose(facts: LinkFacts, context: DiagnosisContext): LinkRow | undefined {
  const finding = findingOf(facts, context);
  if (!finding) return undefined;
  const { since, code, cause, move, command } = finding;
  return { userId: facts.userId, state: facts.state, since, code, cause, move, command };
}

function findingOf(facts: LinkFacts, context: DiagnosisContext): Finding | undefined {
  const { task, steps, status } = facts;
  if (status !== 'open') return undefined;
  const failing = task?.failure && failingTask(task, task.failure);
  if (failing) return failing;
  const unstarted = [task, ...steps].find((work) => isUnstarted(work, context));
  if (unstarted) return withoutWorker(facts, unstarted.since, context);
  const step = worstStep(steps);
  if (step) return tryingStep(facts, step);
  if (facts.state === 'needs_attention') return undefined;
  return indexedError(facts) ?? overdueResult(facts, context);
}

/** Whether work waits for a worker that does not come; with nobody polling there is nothing to wait for. */
export function isUnstarted(
  work: Pick<PendingStep, 'unstartedMs'> | undefined,
  { pollers }: Pick<DiagnosisContext, 'pollers'>,
): boolean {
  return work?.unstartedMs !== undefined && (pollers === 0 || work.unstartedMs >= UNSTARTED_AFTER_MS);
}

function failingTask(task: PendingTask, failure: NonNullable<PendingTask['failure']>): Finding {
  const { since, attempt } = task;
  const said = failure.message?.split('\n')[0];
  const shared = { since, move: 'operator' } as const;
  const keyId = MISSING_KEY.exec(failure.message ?? '')?.[1];
  if (keyId !== undefined) {
    return {
      ...shared,
      code: 'key_missing',
      cause: `The workers lack the key ${keyId}, under which the link is encrypted.`,
      command: `npm run worker, with ${keyId} in ENCRYPTION_KEYS again`,
    };
  }
  if (failure.lackedKeyId !== undefined) {
    return {
      ...shared,
      code: 'key_missing',
      cause: `The workers encrypt under the key ${failure.lackedKeyId}, which is not in ENCRYPTION_KEYS here: the processes do not have the same keys.`,
      command: 'npm run worker, with the same ENCRYPTION_KEYS as everywhere',
    };
  }
  if (failure.nondeterminism) {
    return {
      ...shared,
      code: 'code_mismatch',
      cause: `The workers' build does not fit the link's history${said === undefined ? '' : `: ${said}`}`,
      command: 'start the build before, or one with a patch: npm run worker',
    };
  }
  return {
    ...shared,
    code: 'task_failing',
    cause: `Its workflow task fails, attempt ${attempt}${said === undefined ? '' : `: ${said}`}`,
    command: 'see the log of npm run worker',
  };
}

function withoutWorker({ taskQueue }: LinkFacts, since: string, { pollers }: DiagnosisContext): Finding {
  const cause =
    pollers === 0
      ? `No worker polls the task queue ${taskQueue}.`
      : `Work waits on the task queue ${taskQueue}, and no worker takes it: none is alive, all are busy, or their build is not promoted.`;
  return { since, code: 'no_worker', cause, move: 'operator', command: 'npm run worker' };
}

/** What an operator has to do comes first, then what has been tried for longest. */
function worstStep(steps: readonly PendingStep[]): PendingStep | undefined {
  const troubled = steps.filter(({ lastFailure, paused }) => lastFailure !== undefined || paused);
  const weight = ({ lastFailure, paused }: PendingStep) =>
    paused || lastFailure?.type === 'configuration_error' ? 0 : 1;
  return troubled.toSorted((a, b) => weight(a) - weight(b) || a.since.localeCompare(b.since))[0];
}

function tryingStep(facts: LinkFacts, step: PendingStep): Finding {
  const { userId, state, stateSince } = facts;
  const { name, attempt, lastFailure, nextAttemptAt, paused } = step;
  // Temporal knows of the newest attempt when it was scheduled; a state that a step holds up stands since before.
  const since = state === 'waiting' || state === 'unlinking' ? stateSince : step.since;
  const command = `npm run links -- retry ${userId} --yes`;
  if (paused) return { since, code: 'paused', cause: `${name} is paused.`, move: 'operator', command };
  const code: FailureCode = isFailureCode(lastFailure?.type) ? lastFailure.type : 'internal_error';
  const next = nextAttemptAt === undefined ? '' : `, the next at ${nextAttemptAt.slice(11, 19)}Z`;
  const said = lastFailure?.message ?? FAILURES[code].message;
  const cause = `${name}, ${attempt} attempts${next}: ${said}`;
  return { since, code, cause, move: moveOf(code, name, lastFailure), command };
}

function moveOf(code: FailureCode, step: string | undefined, failure: ReadFailure | undefined): Move {
  if (code === 'bank_unavailable') return 'bank';
  if (code !== 'provider_unavailable') return 'operator';
  if (failure?.provider !== undefined) return failure.provider === 'atomic' ? 'atomic' : 'plaid';
  return /ProcessorLink$|^fetchJobResult$/.test(step ?? '') ? 'atomic' : 'plaid';
}

/** Nothing is pending, and yet the index has an error: a job that failed, or a step that waits before it is tried again. */
function indexedError(facts: LinkFacts): Finding | undefined {
  const { userId, stateSince: since, errorCode, state, latestFailure } = facts;
  if (!isFailureCode(errorCode)) return undefined;
  const failure = latestFailure?.type === errorCode ? latestFailure : undefined;
  const said = failure?.message ?? FAILURES[errorCode].message;
  const cause = failure?.name === undefined ? said : `${failure.name}: ${said}`;
  const shared = { since, code: errorCode, move: moveOf(errorCode, failure?.name, failure) };
  // What is to be removed is tried again whatever it is refused with.
  const isTriedAgain = state === 'unlinking' || (PASSING.includes(errorCode) && state !== 'linked');
  return isTriedAgain
    ? {
        ...shared,
        cause: `${cause} The step is tried again shortly.`,
        command: `npm run links -- retry ${userId} --yes`,
      }
    : { ...shared, move: 'operator', cause, command: `npm run links -- rerun ${userId} --yes` };
}

/** Failures after which a step is tried again. */
const PASSING: readonly FailureCode[] = ['provider_unavailable', 'bank_unavailable', 'configuration_error'];

function overdueResult(facts: LinkFacts, context: DiagnosisContext): Finding | undefined {
  const { userId, state, stateSince } = facts;
  const dueMs = Date.parse(stateSince) + context.resultOverdueAfterMs;
  if (state !== 'waiting' || context.nowMs < dueMs) return undefined;
  return {
    since: isoOf(dueMs),
    code: 'result_overdue',
    cause: 'No webhook of Atomic has come, and no result by poll.',
    move: 'atomic',
    command: `npm run links -- fetch ${userId} --yes`,
  };
}
