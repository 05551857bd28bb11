import type { JobState } from '../../src/contract/states';
import { type JobFacts, type LinkEvent, type LinkFacts, newLink } from '../../workflows/facts';
import { anotherRun, isNewer, moveJob, settled, unregister } from '../../workflows/job-changes';
import { transition } from '../../workflows/transition';

const T0 = '2026-11-23T09:00:00.000Z';
const T1 = '2026-11-23T10:00:00.000Z';
const T2 = '2026-11-23T11:00:00.000Z';
const E = 'employer-classification';
const R = 'recurrence-detection';

const link = (jobs: LinkFacts['jobs']): LinkFacts => ({
  ...newLink({ userId: 'user-1', jobs: [] }, T0),
  sealedAccessToken: 'sealed',
  sealedProcessorToken: 'sealed',
  registered: true,
  jobs,
});
const job = (state: JobState, more: Partial<JobFacts> = {}): JobFacts => ({
  state,
  run: 1,
  registeredAt: T0,
  ...more,
});

describe('of two hints about a job', () => {
  it.each<[what: string, came: { eventTime?: string }, known: { eventTime?: string } | undefined, boolean]>([
    ['the first one counts', { eventTime: T0 }, undefined, true],
    ['the first one counts, also without a time', {}, undefined, true],
    ['a later one counts', { eventTime: T1 }, { eventTime: T0 }, true],
    ['an earlier one does not', { eventTime: T0 }, { eventTime: T1 }, false],
    ['one of the same time does not', { eventTime: T0 }, { eventTime: T0 }, false],
    ['one without a time counts: it may be the latest', {}, { eventTime: T1 }, true],
    ['nothing is later than one without a time', { eventTime: T2 }, {}, false],
    ['a second one without a time adds nothing', {}, {}, false],
  ])('%s', (_what, came, known, expected) => {
    expect(isNewer(came, known)).toBe(expected);
  });

  it('the newer one is kept', () => {
    const came = (eventTime: string): LinkEvent => ({ type: 'webhook_came', job: E, hint: { eventTime } });
    const hinted = transition(link({ [E]: job('registered') }), came(T1), T2);
    expect(hinted.jobs[E]?.hint).toEqual({ eventTime: T1 });
    expect(transition(hinted, came(T0), T2)).toBe(hinted);
    expect(transition(hinted, came(T2), T2).jobs[E]?.hint).toEqual({ eventTime: T2 });
  });
});

describe('a registration that no longer counts', () => {
  it.each(['pending', 'failed'] as const)(
    'leaves a %s job in its run, without registration or hint',
    (state) => {
      const { jobs, registered } = unregister(link({ [E]: job(state, { hint: { eventTime: T0 } }) }));
      expect(jobs).toEqual({ [E]: { state, run: 1 } });
      expect(registered).toBe(false);
    },
  );

  it.each(['registered', 'fetching', 'completed'] as const)('starts another run of a %s job', (state) => {
    expect(unregister(link({ [E]: job(state, { sha256: 'a', hint: {} }) })).jobs).toEqual({
      [E]: { state: 'pending', run: 2, sha256: 'a' },
    });
  });

  it('takes the processor token with it, and nothing else', () => {
    const { sealedProcessorToken: _, ...rest } = link({});
    expect(unregister(link({}))).toEqual({ ...rest, registered: false });
  });
});

describe('another run', () => {
  it('counts from the last one, and keeps the digest of its result alone', () => {
    expect(anotherRun(job('completed', { run: 3, sha256: 'a', completedAt: T1 }))).toEqual({
      state: 'pending',
      run: 4,
      sha256: 'a',
    });
    expect(anotherRun(job('failed'))).toEqual({ state: 'pending', run: 2 });
    expect(anotherRun(undefined)).toEqual({ state: 'pending', run: 1 });
  });
});

describe('a link that ends', () => {
  it('fails what is under way, and leaves what is settled', () => {
    const completed = job('completed');
    const failed = job('failed', { reason: { code: 'result_timeout' } });
    expect(settled(link({ [E]: completed, [R]: failed }), { code: 'unlinked' })).toEqual({
      [E]: completed,
      [R]: failed,
    });
    expect(settled(link({ [E]: job('fetching') }), { code: 'unlinked' })).toEqual({
      [E]: job('failed', { reason: { code: 'unlinked' } }),
    });
  });
});

describe('a job', () => {
  it('moves from the one state only, and only where the link has it', () => {
    const registered = link({ [E]: job('registered') });
    expect(moveJob(registered, E, 'registered', 'fetching').jobs[E]).toEqual(job('fetching'));
    expect(moveJob(registered, E, 'fetching', 'registered')).toBe(registered);
    expect(moveJob(registered, R, 'registered', 'fetching')).toBe(registered);
  });

  it('is looked at by fetching: its hint is used up', () => {
    const hinted = link({ [E]: job('registered', { hint: {} }) });
    expect(transition(hinted, { type: 'fetch_started', job: E }, T1).jobs[E]).toEqual(job('fetching'));
    const completed = link({ [E]: job('completed', { hint: {} }) });
    expect(transition(completed, { type: 'fetch_started', job: E }, T1).jobs[E]).toEqual(job('completed'));
    expect(transition(completed, { type: 'fetch_started', job: R }, T1)).toBe(completed);
  });

  it.each<[what: string, sha256: string, eventTime: string | undefined, isNews: boolean]>([
    ['the same result by an earlier event', 'a', T0, false],
    ['the same result by an event of that very time', 'a', T1, false],
    ['the same result by a later event', 'a', T2, true],
    ['the same result by an event without a time', 'a', undefined, true],
    ['another result by an earlier event', 'b', T0, true],
  ])('that is completed: %s', (_what, sha256, eventTime, isNews) => {
    const completed = link({ [E]: job('completed', { completedAt: T1, sha256: 'a', via: 'webhook' }) });
    const event: LinkEvent = {
      type: 'job_completed',
      job: E,
      via: 'poll',
      sha256,
      ...(eventTime !== undefined && { eventTime }),
    };
    const next = transition(completed, event, T2);
    if (isNews) expect(next.jobs[E]).toEqual(job('completed', { completedAt: T2, sha256, via: 'poll' }));
    else expect(next).toBe(completed);
  });

  it('that is not completed is completed by an event of any age', () => {
    const pending = link({ [E]: job('registered', { completedAt: T1, sha256: 'a' }) });
    const old: LinkEvent = { type: 'job_completed', job: E, via: 'webhook', sha256: 'a', eventTime: T0 };
    expect(transition(pending, old, T2).jobs[E]).toMatchObject({ state: 'completed', completedAt: T2 });
  });

  it('that the link was never asked for is completed by its first result', () => {
    const event: LinkEvent = { type: 'job_completed', job: R, via: 'webhook', sha256: 'a' };
    expect(transition(link({}), event, T1).jobs[R]).toEqual({
      state: 'completed',
      run: 1,
      completedAt: T1,
      via: 'webhook',
      sha256: 'a',
    });
  });

  it('that is completed is not failed by a result that cannot be read again, and one that is not there is not at all', () => {
    const completed = link({ [E]: job('completed') });
    const failed = { type: 'job_failed', reason: { code: 'result_too_large' } } as const;
    expect(transition(completed, { ...failed, job: E }, T1)).toBe(completed);
    expect(transition(completed, { ...failed, job: R }, T1)).toBe(completed);
  });

  it('that is registered is not registered again', () => {
    const registered = link({ [E]: job('registered') });
    expect(transition(registered, { type: 'job_registered', job: E }, T1)).toBe(registered);
    expect(transition(registered, { type: 'job_registered', job: R }, T1)).toBe(registered);
  });
});
