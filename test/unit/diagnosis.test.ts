import { type DiagnosisContext, diagnose } from '../../src/operator/links/diagnosis';
import type { LinkFacts, PendingStep } from '../../src/operator/links/link-facts';

const NOW = Date.parse('2026-01-15T12:00:00Z');
const CONTEXT: DiagnosisContext = { nowMs: NOW, resultOverdueAfterMs: 15 * 60_000, pollers: 1 };
const SINCE = '2026-01-15T11:58:00.000Z';

const link = (facts: Partial<LinkFacts> = {}): LinkFacts => ({
  userId: 'ada',
  workflowId: 'processor-link/ada',
  runId: 'run',
  taskQueue: 'processor-link',
  state: 'waiting',
  stateSince: SINCE,
  status: 'open',
  steps: [],
  ...facts,
});
const step = (more: Partial<PendingStep> = {}): PendingStep => ({
  name: 'registerProcessorLink',
  attempt: 3,
  since: SINCE,
  paused: false,
  ...more,
});

describe('a link that is not stuck', () => {
  it.each<[string, LinkFacts]>([
    ['waits for its webhook', link()],
    ['is linked', link({ state: 'linked' })],
    ['waits for its user', link({ state: 'needs_attention', errorCode: 'sign_in_required' })],
    ['has a step under way for the first time', link({ steps: [step({ attempt: 1 })] })],
    ['has just been given to a worker', link({ task: { attempt: 1, since: SINCE, unstartedMs: 100 } })],
    ['has closed', link({ status: 'closed', state: 'failed', errorCode: 'configuration_error' })],
  ])('%s', (_, facts) => {
    expect(diagnose(facts, CONTEXT)).toBeUndefined();
  });
});

describe('a step that fails', () => {
  it('is said with its attempts, its next time, its cause and the command', () => {
    const lastFailure = {
      type: 'configuration_error',
      message: 'Refused. [atomic POST /plaid/processor-link: HTTP_401]',
      provider: 'atomic',
    };
    const facts = link({ steps: [step({ lastFailure, nextAttemptAt: '2026-01-15T12:01:30.000Z' })] });
    expect(diagnose(facts, CONTEXT)).toEqual({
      userId: 'ada',
      state: 'waiting',
      since: SINCE,
      code: 'configuration_error',
      cause:
        'registerProcessorLink, 3 attempts, the next at 12:01:30Z: Refused. [atomic POST /plaid/processor-link: HTTP_401]',
      move: 'operator',
      command: 'npm run links -- retry ada --yes',
    });
  });

  it('is said by its code alone where the keys are missing', () => {
    const facts = link({
      steps: [step({ lastFailure: { type: 'provider_unavailable', lackedKeyId: 'k9' } })],
    });
    expect(diagnose(facts, CONTEXT)).toMatchObject({
      code: 'provider_unavailable',
      cause: expect.stringContaining('did not answer'),
      move: 'atomic',
    });
  });

  it.each([
    ['provider_unavailable', 'createProcessorToken', 'plaid'],
    ['provider_unavailable', 'fetchJobResult', 'atomic'],
    ['bank_unavailable', 'createProcessorToken', 'bank'],
    ['provider_rejected', 'removeProcessorLink', 'operator'],
  ])('%s of %s is the move of: %s', (type, name, move) => {
    const facts = link({ steps: [step({ name, lastFailure: { type } })] });
    expect(diagnose(facts, CONTEXT)).toMatchObject({ code: type, move });
  });

  it('comes after one that an operator has to mend', () => {
    const older = step({ since: '2026-01-15T10:00:00.000Z', lastFailure: { type: 'provider_unavailable' } });
    const facts = link({ steps: [older, step({ lastFailure: { type: 'configuration_error' } })] });
    expect(diagnose(facts, CONTEXT)).toMatchObject({ code: 'configuration_error', since: SINCE });
  });

  it('is told from one that somebody paused', () => {
    expect(diagnose(link({ steps: [step({ paused: true })] }), CONTEXT)).toMatchObject({ code: 'paused' });
  });

  it('stands since its state came, and in a state that it does not hold up since it was tried', () => {
    const later = '2026-01-15T11:59:30.000Z';
    const steps = [step({ since: later, lastFailure: { type: 'provider_unavailable' } })];
    expect(diagnose(link({ steps }), CONTEXT)).toMatchObject({ since: SINCE });
    expect(diagnose(link({ state: 'linked', steps }), CONTEXT)).toMatchObject({ since: later });
  });
});

describe('a link with an error and nothing pending', () => {
  const latestFailure = {
    name: 'registerProcessorLink',
    type: 'provider_unavailable',
    message: 'No answer. [atomic POST /plaid/processor-link: HTTP_500]',
    provider: 'atomic',
  };

  it('says how its step failed, and that it is tried again', () => {
    const facts = link({ errorCode: 'provider_unavailable', latestFailure });
    expect(diagnose(facts, CONTEXT)).toMatchObject({
      cause:
        'registerProcessorLink: No answer. [atomic POST /plaid/processor-link: HTTP_500] The step is tried again shortly.',
      move: 'atomic',
      command: 'npm run links -- retry ada --yes',
    });
  });

  it('has a removal tried again that is refused', () => {
    const facts = link({ state: 'unlinking', errorCode: 'provider_rejected' });
    expect(diagnose(facts, CONTEXT)).toMatchObject({
      move: 'operator',
      command: 'npm run links -- retry ada --yes',
    });
  });

  it('takes no failure of another kind for its reason, and wants a failed job run again', () => {
    const facts = link({ state: 'linked', errorCode: 'result_too_large', latestFailure });
    expect(diagnose(facts, CONTEXT)).toMatchObject({
      cause: expect.not.stringContaining('HTTP_500'),
      move: 'operator',
      command: 'npm run links -- rerun ada --yes',
    });
  });
});

describe('a workflow task that fails', () => {
  const failing = (failure: NonNullable<NonNullable<LinkFacts['task']>['failure']>) =>
    diagnose(link({ state: 'linked', task: { attempt: 4, since: SINCE, failure } }), CONTEXT);

  it('names the key that the workers lack', () => {
    const message =
      'ENCRYPTION_KEYS has no key with the id "k1". Add it: something is still encrypted under it.';
    const row = failing({ message, nondeterminism: false });
    expect(row).toMatchObject({
      code: 'key_missing',
      cause: expect.stringContaining('key k1'),
      move: 'operator',
    });
    expect(row?.command).toContain('k1 in ENCRYPTION_KEYS');
  });

  it('names the key of the workers that is not here', () => {
    expect(failing({ lackedKeyId: 'k2', nondeterminism: false })).toMatchObject({
      code: 'key_missing',
      cause: expect.stringContaining('key k2'),
    });
  });

  it('is told to be of code that does not fit', () => {
    const message = '[TMPRL1100] Nondeterminism error';
    expect(failing({ message, nondeterminism: true })).toMatchObject({
      code: 'code_mismatch',
      cause: expect.stringContaining('TMPRL1100'),
    });
  });

  it('is said whatever else it is', () => {
    expect(failing({ nondeterminism: false })).toMatchObject({ code: 'task_failing', move: 'operator' });
  });
});

describe('work that no worker takes', () => {
  const unstarted = link({ task: { attempt: 1, since: SINCE, unstartedMs: 100 } });

  it('is stuck at once where nobody polls', () => {
    expect(diagnose(unstarted, { ...CONTEXT, pollers: 0 })).toMatchObject({
      code: 'no_worker',
      cause: 'No worker polls the task queue processor-link.',
      command: 'npm run worker',
    });
  });

  it('is stuck after a while where workers are said to poll', () => {
    const facts = link({ steps: [step({ attempt: 1, unstartedMs: 2_000 })] });
    expect(diagnose(facts, CONTEXT)).toMatchObject({ code: 'no_worker' });
  });
});

describe('what the index alone shows', () => {
  it('has a failed job run again', () => {
    expect(diagnose(link({ state: 'linked', errorCode: 'result_too_large' }), CONTEXT)).toMatchObject({
      code: 'result_too_large',
      move: 'operator',
      command: 'npm run links -- rerun ada --yes',
    });
  });

  it('leaves a step that waits for its next attempt to the provider', () => {
    expect(diagnose(link({ errorCode: 'bank_unavailable' }), CONTEXT)).toMatchObject({ move: 'bank' });
  });

  it('has a step tried again whose keys were refused just now', () => {
    expect(diagnose(link({ errorCode: 'configuration_error' }), CONTEXT)).toMatchObject({
      move: 'operator',
      command: 'npm run links -- retry ada --yes',
    });
  });

  it('has Atomic asked for a result that is overdue', () => {
    const facts = link({ stateSince: '2026-01-15T11:40:00.000Z' });
    expect(diagnose(facts, CONTEXT)).toMatchObject({
      code: 'result_overdue',
      since: '2026-01-15T11:55:00.000Z',
      move: 'atomic',
      command: 'npm run links -- fetch ada --yes',
    });
  });
});
