import { linkError } from '../../src/contract/failures';
import { type LinkFacts, newLink } from '../../workflows/facts';
import { listedStateOf, troubleOf, viewOf } from '../../workflows/link-view';

const T0 = '2026-11-23T09:00:00.000Z';
const T1 = '2026-11-23T10:00:00.000Z';
const E = 'employer-classification';
const R = 'recurrence-detection';
const RUN = { workflowId: 'processor-link/user-1', runId: 'run-1' };

const begun = newLink({ userId: 'user-1', jobs: [E] }, T0);
const connected: LinkFacts = { ...begun, sealedAccessToken: 'sealed', sealedProcessorToken: 'sealed' };
const stalls = { 'a step': { code: 'bank_unavailable' }, another: { code: 'provider_unavailable' } } as const;

describe('a new link', () => {
  it('has done nothing, and waits for nothing', () => {
    expect(begun).toStrictEqual({
      userId: 'user-1',
      jobs: { [E]: { state: 'pending', run: 1 } },
      madeItem: false,
      mayBeRegistered: false,
      registered: false,
      accepted: false,
      historyReady: false,
      accountRevoked: false,
      permissionRevoked: false,
      lookWanted: false,
      stalls: {},
      stateSince: T0,
      createdAt: T0,
      updatedAt: T0,
    });
    expect(newLink({ userId: 'user-1', jobs: [R], sealedAccessToken: 'sealed' }, T0)).toEqual({
      ...begun,
      jobs: { [R]: { state: 'pending', run: 1 } },
      sealedAccessToken: 'sealed',
    });
  });

  it('shows no field that it does not have', () => {
    expect(Object.entries(viewOf(begun, RUN))).toEqual(
      Object.entries({
        userId: 'user-1',
        state: 'exchanging',
        jobs: { [E]: { state: 'pending' } },
        ...RUN,
        createdAt: T0,
        updatedAt: T0,
      }),
    );
    expect(Object.keys(viewOf(begun, RUN).jobs[E] ?? {})).toEqual(['state']);
  });
});

it('shows everything that a link has, and no token', () => {
  const link: LinkFacts = {
    ...connected,
    itemId: 'item-1',
    account: { accountId: 'account-1', mask: '0000', persistentAccountId: 'p' },
    jobs: {
      [E]: { state: 'completed', run: 2, registeredAt: T0, completedAt: T1, via: 'poll', sha256: 'a' },
      [R]: { state: 'failed', run: 1, reason: { code: 'result_timeout' }, hint: {} },
    },
    attention: 'account_required',
    choices: [{ accountId: 'account-2', name: 'Savings' }],
    warning: { code: 'pending_disconnect', until: T1 },
    updatedAt: T1,
  };
  expect(viewOf(link, RUN)).toEqual({
    userId: 'user-1',
    state: 'needs_attention',
    itemId: 'item-1',
    accountId: 'account-1',
    jobs: {
      [E]: { state: 'completed', registeredAt: T0, completedAt: T1, via: 'poll' },
      [R]: { state: 'failed', error: linkError('result_timeout') },
    },
    error: linkError('account_required'),
    choices: [{ accountId: 'account-2', name: 'Savings' }],
    warning: { code: 'pending_disconnect', until: T1 },
    ...RUN,
    createdAt: T0,
    updatedAt: T1,
  });
});

describe('what can be done about an error', () => {
  const actionOf = (link: Partial<LinkFacts>) => viewOf({ ...connected, ...link }, RUN).error?.action;

  it('is a repair while the user is waited for, whatever the reason', () => {
    expect(actionOf({ attention: 'access_revoked' })).toBe('repair');
    expect(viewOf({ ...connected, attention: 'access_revoked' }, RUN).error).toEqual({
      ...linkError('access_revoked'),
      action: 'repair',
    });
  });

  it('is what the code says where the user has a choice, nobody is waited for, or the link ends', () => {
    expect(actionOf({ attention: 'account_not_found', choices: [] })).toBe('choose_account');
    expect(actionOf({ stalls })).toBe('retry_later');
    expect(actionOf({ attention: 'access_revoked', ending: 'failed' })).toBe('relink');
  });
});

describe('the trouble of a link', () => {
  const failure = { code: 'provider_rejected' } as const;

  it('is what it failed by or waits for, before a step that is tried again', () => {
    expect(troubleOf({ ...connected, stalls, attention: 'sign_in_required' })).toEqual({
      code: 'sign_in_required',
    });
    expect(troubleOf({ ...connected, stalls, failure, attention: 'sign_in_required' })).toBe(failure);
    expect(troubleOf({ ...connected, stalls })).toBe(stalls['a step']);
    expect(troubleOf(connected)).toBeUndefined();
  });

  it('is the step that is tried again while the link is removed', () => {
    expect(troubleOf({ ...connected, stalls, failure, ending: 'unlinking' })).toBe(stalls['a step']);
    expect(troubleOf({ ...connected, failure, ending: 'unlinking' })).toBe(failure);
    expect(troubleOf({ ...connected, stalls, failure, ending: 'failed' })).toBe(failure);
  });
});

it('is listed as waiting until it has settled for the first time', () => {
  expect(listedStateOf(begun)).toBe('waiting');
  expect(listedStateOf({ ...begun, sealedAccessToken: 'sealed' })).toBe('waiting');
  expect(listedStateOf(connected)).toBe('waiting');
  expect(listedStateOf({ ...connected, registered: true })).toBe('waiting');
  expect(listedStateOf({ ...connected, jobs: {} })).toBe('linked');
  expect(listedStateOf({ ...connected, ending: 'unlinked' })).toBe('unlinked');
});
