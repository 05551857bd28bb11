import { LINK_STATES, type LinkState } from '../../src/contract/states';
import { type LinkEvent, type LinkFacts, newLink } from '../../workflows/facts';
import { LINK_EDGES, stateOf, viewOf } from '../../workflows/link-view';
import { lossOf } from '../../workflows/next-step';
import { transition } from '../../workflows/transition';

const T0 = '2026-11-23T00:00:00.000Z';
const T1 = '2026-11-23T00:00:01.000Z';
const E = 'employer-classification';
const R = 'recurrence-detection';
const ACCOUNT = { accountId: 'acc-1', mask: '0000', subtype: 'checking' };
const MOVED = { accountId: 'acc-2', mask: '0000', subtype: 'checking' };
const RUN = { workflowId: 'processor-link/user-1', runId: 'run-1' };

function linkAfter(...events: LinkEvent[]): LinkFacts {
  return events.reduce(
    (link, event) => transition(link, event, T0),
    newLink({ userId: 'user-1', jobs: [E] }, T0),
  );
}

const exchanged: LinkEvent = { type: 'exchanged', itemId: 'item-1', sealedAccessToken: 'sealed' };
const connected: LinkEvent = {
  type: 'processor_token_created',
  account: ACCOUNT,
  sealedProcessorToken: 'sealed',
  awaitHistory: false,
};
const registered: LinkEvent = { type: 'job_registered', job: E };
const completed: LinkEvent = { type: 'job_completed', job: E, via: 'webhook', sha256: 'a' };
const attention: LinkEvent = { type: 'attention_needed', code: 'sign_in_required' };
const ending: LinkEvent = { type: 'ending' };

/** A link in each state, with one job. */
const IN_STATE: Record<LinkState, LinkFacts> = {
  exchanging: linkAfter(),
  creating_processor_token: linkAfter(exchanged),
  registering: linkAfter(exchanged, connected),
  waiting: linkAfter(exchanged, connected, registered),
  linked: linkAfter(exchanged, connected, registered, completed),
  needs_attention: linkAfter(exchanged, connected, registered, attention),
  unlinking: linkAfter(exchanged, connected, registered, ending),
  unlinked: linkAfter(exchanged, connected, registered, ending, { type: 'ended' }),
  failed: linkAfter(exchanged, { type: 'ending', failure: { code: 'provider_rejected' } }, { type: 'ended' }),
};

const EVENTS: Record<string, LinkEvent> = {
  exchanged,
  connected,
  'job requested again': { type: 'job_requested', job: E },
  'further job requested': { type: 'job_requested', job: R },
  registered,
  'fetch started': { type: 'fetch_started', job: E },
  'result missing': { type: 'result_missing', job: E },
  completed,
  'job failed': { type: 'job_failed', job: E, reason: { code: 'provider_rejected' } },
  stalled: { type: 'stalled', step: 'a step', reason: { code: 'bank_unavailable' } },
  resumed: { type: 'resumed', step: 'a step' },
  attention,
  repaired: { type: 'repaired', account: ACCOUNT },
  'repaired, account moved': { type: 'repaired', account: MOVED },
  withdrawn: { type: 'account_withdrawn' },
  warned: { type: 'warned', warning: { code: 'pending_disconnect' } },
  ending,
  ended: { type: 'ended' },
};

const same = (state: LinkState) => Object.fromEntries(Object.keys(EVENTS).map((name) => [name, state]));

/** The state after each event, where it differs from the state before. */
const MOVES: Record<LinkState, Partial<Record<keyof typeof EVENTS, LinkState>>> = {
  exchanging: {
    exchanged: 'creating_processor_token',
    attention: 'needs_attention',
    withdrawn: 'needs_attention',
    ending: 'unlinking',
  },
  creating_processor_token: {
    connected: 'registering',
    attention: 'needs_attention',
    withdrawn: 'needs_attention',
    ending: 'unlinking',
  },
  registering: {
    registered: 'waiting',
    completed: 'linked',
    'job failed': 'linked',
    'repaired, account moved': 'creating_processor_token',
    attention: 'needs_attention',
    withdrawn: 'needs_attention',
    ending: 'unlinking',
  },
  waiting: {
    completed: 'linked',
    'job failed': 'linked',
    'repaired, account moved': 'creating_processor_token',
    attention: 'needs_attention',
    withdrawn: 'needs_attention',
    ending: 'unlinking',
  },
  linked: {
    'job requested again': 'waiting',
    'further job requested': 'waiting',
    'repaired, account moved': 'creating_processor_token',
    attention: 'needs_attention',
    withdrawn: 'needs_attention',
    ending: 'unlinking',
  },
  needs_attention: {
    repaired: 'waiting',
    'repaired, account moved': 'creating_processor_token',
    ending: 'unlinking',
  },
  unlinking: { ended: 'unlinked' },
  unlinked: {},
  failed: {},
};

describe('every event in every state', () => {
  const pairs = LINK_STATES.flatMap((state) => Object.keys(EVENTS).map((name) => [state, name] as const));

  it.each(pairs)('%s, %s', (state, name) => {
    const event = EVENTS[name];
    if (!event) throw new Error(name);
    const before = IN_STATE[state];
    expect(stateOf(before)).toBe(state);
    const next = transition(before, event, T1);
    const expected = { ...same(state), ...MOVES[state] }[name];
    expect(stateOf(next)).toBe(expected);
    if (stateOf(next) !== state) expect(LINK_EDGES[state]).toContain(stateOf(next));
    expect(next.updatedAt).toBe(next === before ? T0 : T1);
    expect(next.createdAt).toBe(T0);
  });

  it.each(['unlinked', 'failed'] as const)('a link that is %s is changed by nothing', (state) => {
    for (const event of Object.values(EVENTS))
      expect(transition(IN_STATE[state], event, T1)).toBe(IN_STATE[state]);
  });
});

describe('jobs', () => {
  it('are shown in the contract order, whatever the order they were asked in', () => {
    const link = newLink({ userId: 'user-1', jobs: [R, E], sealedAccessToken: 'sealed' }, T0);
    expect(Object.keys(viewOf(link, RUN).jobs)).toEqual([E, R]);
    expect(stateOf(link)).toBe('creating_processor_token');
  });

  it('wait independently: the link is linked when the last one has settled', () => {
    let link = newLink({ userId: 'user-1', jobs: [E, R], sealedAccessToken: 'sealed' }, T0);
    for (const event of [
      connected,
      registered,
      { type: 'job_registered', job: R },
      completed,
    ] as LinkEvent[]) {
      link = transition(link, event, T0);
    }
    expect(stateOf(link)).toBe('waiting');
    expect(
      stateOf(transition(link, { type: 'job_failed', job: R, reason: { code: 'result_timeout' } }, T1)),
    ).toBe('linked');
  });

  it('join a run that is under way instead of starting another', () => {
    const waiting = IN_STATE.waiting;
    expect(transition(waiting, { type: 'job_requested', job: E }, T1)).toBe(waiting);
  });

  it('start over when run again, and remember the earlier result for the polls', () => {
    const again = transition(IN_STATE.linked, { type: 'job_requested', job: E }, T1);
    expect(again.jobs[E]).toEqual({ state: 'pending', run: 2, sha256: 'a' });
  });

  it('lose an earlier error once a late webhook completes them', () => {
    const failed = linkAfter(exchanged, connected, registered, {
      type: 'job_failed',
      job: E,
      reason: { code: 'result_timeout' },
    });
    const late = transition(failed, completed, T1);
    expect(late.jobs[E]).toEqual({
      state: 'completed',
      run: 1,
      registeredAt: T0,
      completedAt: T1,
      via: 'webhook',
      sha256: 'a',
    });
  });

  it('go back to registered when there is no result yet', () => {
    const fetching = transition(IN_STATE.waiting, { type: 'fetch_started', job: E }, T1);
    expect(fetching.jobs[E]?.state).toBe('fetching');
    expect(transition(fetching, { type: 'result_missing', job: E }, T1).jobs[E]?.state).toBe('registered');
  });
});

describe('refusal', () => {
  const refused: LinkEvent = { type: 'job_failed', job: E, reason: { code: 'provider_rejected' } };

  it('is when no job was ever taken', () => {
    expect(lossOf(linkAfter(exchanged, connected, refused))).toEqual({ code: 'provider_rejected' });
  });

  it('is not while another job may be taken', () => {
    const both = transition(
      transition(newLink({ userId: 'user-1', jobs: [E, R], sealedAccessToken: 'sealed' }, T0), connected, T0),
      refused,
      T0,
    );
    expect(lossOf(both)).toBeUndefined();
  });

  it('is not when an earlier run was taken', () => {
    expect(
      lossOf(
        linkAfter(exchanged, connected, registered, completed, { type: 'job_requested', job: E }, refused),
      ),
    ).toBeUndefined();
  });
});

describe('the bank', () => {
  it('moving the account under another id makes every registered job start over with a new processor token', () => {
    const moved = transition(IN_STATE.needs_attention, { type: 'repaired', account: MOVED }, T1);
    expect(moved).toMatchObject({ registered: false, account: MOVED });
    expect(moved).not.toHaveProperty('sealedProcessorToken');
    expect(moved.jobs[E]).toEqual({ state: 'pending', run: 2 });
  });

  it('withdrawing the account asks for the user and forgets the registration', () => {
    const withdrawn = transition(IN_STATE.linked, { type: 'account_withdrawn' }, T1);
    expect(withdrawn.attention).toBe('access_revoked');
    expect(withdrawn.jobs[E]?.state).toBe('pending');
  });

  it('being repaired clears the warning', () => {
    const warned = transition(
      IN_STATE.needs_attention,
      { type: 'warned', warning: { code: 'pending_expiration' } },
      T1,
    );
    expect(viewOf(warned, RUN).warning).toEqual({ code: 'pending_expiration' });
    expect(viewOf(transition(warned, { type: 'repaired' }, T1), RUN).warning).toBeUndefined();
  });
});

describe('errors in the view', () => {
  it('show why a step is tried again, and nothing once it goes on', () => {
    const stalled = transition(
      IN_STATE.registering,
      { type: 'stalled', step: 'a step', reason: { code: 'provider_unavailable' } },
      T1,
    );
    expect(viewOf(stalled, RUN).error?.code).toBe('provider_unavailable');
    expect(viewOf(transition(stalled, { type: 'resumed', step: 'a step' }, T1), RUN).error).toBeUndefined();
  });

  it('show why the cleanup does not finish, then why the link failed', () => {
    const failing = linkAfter(exchanged, { type: 'ending', failure: { code: 'account_required' } });
    const stuck = transition(
      failing,
      { type: 'stalled', step: 'a step', reason: { code: 'provider_unavailable' } },
      T1,
    );
    expect(viewOf(stuck, RUN)).toMatchObject({ state: 'unlinking', error: { code: 'provider_unavailable' } });
    expect(viewOf(transition(stuck, { type: 'ended' }, T1), RUN)).toMatchObject({
      state: 'failed',
      error: { code: 'account_required', action: 'choose_account' },
    });
  });
});
