import { LINK_STATES, type LinkState } from '../../src/contract/states';
import { type JobFacts, type LinkFacts, newLink } from '../../workflows/facts';
import { stateOf } from '../../workflows/link-view';
import { type JobStep, type LinkStep, lossOf, nextJobStep, nextStep, viaOf } from '../../workflows/next-step';

const T0 = '2026-11-23T00:00:00.000Z';
const JOB = 'employer-classification';
const OTHER = 'recurrence-detection';

const begun = newLink({ userId: 'user-1', jobs: [JOB] }, T0);
const exchanged: LinkFacts = { ...begun, itemId: 'item-1', sealedAccessToken: 'sealed' };
const connected: LinkFacts = { ...exchanged, sealedProcessorToken: 'sealed', historyReady: true };
const pending: JobFacts = { state: 'pending', run: 1 };
const registered: JobFacts = { state: 'registered', run: 1, registeredAt: T0 };
const completed: JobFacts = { ...registered, state: 'completed' };
const refused: JobFacts = { state: 'failed', run: 1, reason: { code: 'provider_rejected' } };

const withJob = (job: JobFacts, more: Partial<LinkFacts> = {}): LinkFacts => ({
  ...connected,
  registered: job.state !== 'pending',
  accepted: job.registeredAt !== undefined,
  jobs: { [JOB]: job },
  ...more,
});

/** A link in each state, and what it and its job do next. A link that has ended is not asked. */
const STEPS: [state: LinkState, what: string, link: LinkFacts, step: LinkStep, jobStep: JobStep][] = [
  ['exchanging', 'from the start', begun, 'exchange_public_token', 'rest'],
  ['creating_processor_token', 'once exchanged', exchanged, 'create_processor_token', 'rest'],
  [
    'registering',
    'waiting for the history',
    { ...connected, historyReady: false },
    'wait_for_history',
    'rest',
  ],
  ['registering', 'once connected', connected, 'stay_linked', 'register'],
  ['waiting', 'until a webhook comes', withJob(registered), 'stay_linked', 'wait_for_webhook'],
  ['waiting', 'after a webhook', withJob({ ...registered, hint: {} }), 'stay_linked', 'fetch_result'],
  [
    'waiting',
    'while a fetch is under way',
    withJob({ ...registered, state: 'fetching' }),
    'stay_linked',
    'rest',
  ],
  [
    'waiting',
    'when Plaid hints at a change',
    withJob(registered, { lookWanted: true }),
    'look_at_item',
    'wait_for_webhook',
  ],
  [
    'waiting',
    'when the account is withdrawn',
    withJob(registered, { accountRevoked: true }),
    'withdraw_account',
    'wait_for_webhook',
  ],
  [
    'waiting',
    'when the Item is lost',
    withJob(registered, { lost: { code: 'access_revoked' } }),
    'fail',
    'wait_for_webhook',
  ],
  ['linked', 'with every job done', withJob(completed), 'stay_linked', 'rest'],
  ['linked', 'after a further webhook', withJob({ ...completed, hint: {} }), 'stay_linked', 'fetch_result'],
  ['linked', 'with every job refused', withJob(refused), 'fail', 'rest'],
  [
    'linked',
    'after a webhook for a job that Atomic refused',
    withJob({ ...refused, hint: {} }, { accepted: true }),
    'stay_linked',
    'rest',
  ],
  [
    'needs_attention',
    'before a token',
    { ...exchanged, attention: 'sign_in_required' },
    'wait_for_user',
    'rest',
  ],
  [
    'needs_attention',
    'with a job asked for',
    withJob(pending, { attention: 'sign_in_required' }),
    'wait_for_user',
    'rest',
  ],
  [
    'needs_attention',
    'while a webhook is awaited',
    withJob(registered, { attention: 'sign_in_required' }),
    'wait_for_user',
    'wait_for_webhook',
  ],
  [
    'needs_attention',
    'when a repair is hinted',
    withJob(registered, { attention: 'sign_in_required', lookWanted: true }),
    'look_at_item',
    'wait_for_webhook',
  ],
  [
    'needs_attention',
    'of an account that is withdrawn',
    withJob(pending, { attention: 'access_revoked', accountRevoked: true }),
    'withdraw_account',
    'rest',
  ],
  [
    'unlinking',
    'with a registration to remove',
    withJob(completed, { ending: 'unlinking' }),
    'stay_linked',
    'rest',
  ],
  ['unlinked', 'at the end', withJob(completed, { ending: 'unlinked' }), 'stay_linked', 'rest'],
  ['failed', 'at the end', withJob(refused, { ending: 'failed' }), 'fail', 'rest'],
];

it.each(STEPS)('%s, %s', (state, _what, link, step, jobStep) => {
  expect(stateOf(link)).toBe(state);
  expect(nextStep(link)).toBe(step);
  expect(nextJobStep(link, JOB)).toBe(jobStep);
});

it('has a row for every state and every step', () => {
  expect(new Set(STEPS.map(([state]) => state))).toEqual(new Set(LINK_STATES));
  const steps: Record<LinkStep, true> = {
    exchange_public_token: true,
    fail: true,
    withdraw_account: true,
    look_at_item: true,
    wait_for_user: true,
    create_processor_token: true,
    wait_for_history: true,
    stay_linked: true,
  };
  expect(new Set(STEPS.map(([, , , step]) => step))).toEqual(new Set(Object.keys(steps)));
});

it('leaves a job alone that the link does not have', () => {
  expect(nextJobStep(withJob(registered), OTHER)).toBe('rest');
});

it('goes on while one of two jobs is refused', () => {
  const link: LinkFacts = { ...connected, jobs: { [JOB]: refused, [OTHER]: pending } };
  expect(nextStep(link)).toBe('stay_linked');
  expect(nextJobStep(link, OTHER)).toBe('register');
});

describe('what a webhook of a job counts as', () => {
  const minutesBefore = (minutes: number) => new Date(Date.parse(T0) - minutes * 60_000).toISOString();
  const via = (job: Partial<JobFacts>) => viaOf(withJob({ ...registered, ...job }), JOB);

  it.each([0, 1, 5])('an event %d minutes before the registration is of this run', (minutes) => {
    expect(via({ hint: { eventTime: minutesBefore(minutes) } })).toBe('webhook');
  });

  it.each([6, 600])('an event %d minutes before the registration says no more than a poll', (minutes) => {
    expect(via({ hint: { eventTime: minutesBefore(minutes) } })).toBe('poll');
  });

  it('an event counts as a webhook where either time is not known', () => {
    expect(via({ hint: {} })).toBe('webhook');
    expect(via({})).toBe('webhook');
    const { registeredAt: _, ...unregistered } = registered;
    expect(viaOf(withJob({ ...unregistered, hint: { eventTime: minutesBefore(600) } }), JOB)).toBe('webhook');
    expect(viaOf(withJob(registered), OTHER)).toBe('webhook');
  });
});

describe('why nothing is left to do', () => {
  it('is the first reason that Atomic gave, or that it refused', () => {
    expect(lossOf(withJob({ ...refused, reason: { code: 'result_timeout' } }))).toEqual({
      code: 'result_timeout',
    });
    expect(lossOf(withJob({ state: 'failed', run: 1 }))).toEqual({ code: 'provider_rejected' });
    expect(lossOf({ ...connected, jobs: {} })).toEqual({ code: 'provider_rejected' });
  });

  it('is the loss of the Item, whatever its jobs do', () => {
    expect(lossOf(withJob(registered, { lost: { code: 'access_revoked' } }))).toEqual({
      code: 'access_revoked',
    });
  });
});
