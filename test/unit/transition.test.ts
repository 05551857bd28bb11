import { type LinkEvent, type LinkFacts, newLink } from '../../workflows/facts';
import { isQuiet } from '../../workflows/quiet-events';
import { transition } from '../../workflows/transition';

const T0 = '2026-11-23T09:00:00.000Z';
const T1 = '2026-11-23T10:00:00.000Z';
const T2 = '2026-11-23T11:00:00.000Z';
const JOB = 'employer-classification';
const OTHER = 'recurrence-detection';
const ACCOUNT = { accountId: 'account-1', mask: '0000' };
const UNTIL = { code: 'pending_disconnect', until: T2 } as const;

const begun = newLink({ userId: 'user-1', jobs: [JOB] }, T0);
const link: LinkFacts = {
  ...begun,
  itemId: 'item-1',
  madeItem: true,
  account: ACCOUNT,
  sealedAccessToken: 'sealed access',
  sealedProcessorToken: 'sealed processor',
  historyReady: true,
  mayBeRegistered: true,
  registered: true,
  accepted: true,
  jobs: { [JOB]: { state: 'registered', run: 1, registeredAt: T0 } },
};
const ending: LinkFacts = { ...link, ending: 'unlinking' };
const changed = (facts: LinkFacts, event: LinkEvent) => transition(facts, event, T1);

/** Events that change nothing that is shown, and the facts that they change. */
const QUIET: [before: LinkFacts, event: LinkEvent, change: Partial<LinkFacts>][] = [
  [begun, { type: 'registration_begun', job: JOB }, { mayBeRegistered: true }],
  [
    link,
    { type: 'registration_unheard', sentMs: 60_000 },
    { unheardRegistrationAt: '2026-11-23T09:59:00.000Z' },
  ],
  [ending, { type: 'registration_unheard', sentMs: 0 }, { unheardRegistrationAt: T1 }],
  [link, { type: 'tokens_resealed', sealedAccessToken: 'again' }, { sealedAccessToken: 'again' }],
  [link, { type: 'tokens_resealed', sealedProcessorToken: 'again' }, { sealedProcessorToken: 'again' }],
  [begun, { type: 'tokens_resealed', sealedProcessorToken: 'again' }, {}],
  [link, { type: 'look_wanted' }, { lookWanted: true }],
  [link, { type: 'look_wanted', repairClaimed: true }, { lookWanted: true, repairClaimed: true }],
  [{ ...link, lookWanted: true }, { type: 'look_wanted', repairClaimed: true }, { repairClaimed: true }],
  [link, { type: 'warning_heard', warning: UNTIL }, { lookWanted: true, warningHeard: UNTIL }],
  [{ ...link, lookWanted: true }, { type: 'looked' }, { lookWanted: false }],
  [{ ...link, historyReady: false }, { type: 'history_ready' }, { historyReady: true }],
  [link, { type: 'item_lost', reason: { code: 'access_revoked' } }, { lost: { code: 'access_revoked' } }],
  [link, { type: 'account_revoked' }, { accountRevoked: true }],
  [link, { type: 'permission_revoked' }, { permissionRevoked: true }],
];

it.each(QUIET)('%# changes facts that nobody is shown', (before, event, change) => {
  expect(isQuiet(event)).toBe(true);
  expect(changed(before, event)).toStrictEqual({ ...before, ...change });
});

/** Events that change what is shown. */
const SHOWN: [before: LinkFacts, event: LinkEvent, change: Partial<LinkFacts>][] = [
  [begun, { type: 'item_known', itemId: 'item-1' }, { itemId: 'item-1' }],
  [
    begun,
    { type: 'exchanged', itemId: 'item-1', sealedAccessToken: 'sealed' },
    { itemId: 'item-1', sealedAccessToken: 'sealed', madeItem: true },
  ],
  [
    ending,
    { type: 'exchanged', itemId: 'item-2', sealedAccessToken: 'sealed' },
    { itemId: 'item-2', sealedAccessToken: 'sealed' },
  ],
  [
    begun,
    { type: 'job_registered', job: JOB },
    { jobs: { [JOB]: { state: 'registered', run: 1, registeredAt: T1 } }, registered: true, accepted: true },
  ],
  [
    { ...link, registered: false },
    { type: 'job_failed', job: JOB, reason: { code: 'provider_rejected' } },
    {
      jobs: { [JOB]: { state: 'failed', run: 1, registeredAt: T0, reason: { code: 'provider_rejected' } } },
      registered: true,
      stateSince: T1,
      linkedAt: T1,
    },
  ],
  [
    link,
    { type: 'attention_needed', code: 'sign_in_required', lacksConsent: true },
    { attention: 'sign_in_required', attentionSince: T1, lacksConsent: true, stateSince: T1 },
  ],
  [
    { ...link, attention: 'access_revoked', attentionSince: T0 },
    { type: 'attention_needed', code: 'sign_in_required' },
    { attention: 'sign_in_required' },
  ],
  [link, { type: 'warned', warning: UNTIL }, { warning: UNTIL }],
  [
    link,
    { type: 'stalled', step: 'a', reason: { code: 'unlinked' } },
    { stalls: { a: { code: 'unlinked' } } },
  ],
  [
    ending,
    { type: 'stalled', step: 'a', reason: { code: 'unlinked' } },
    { stalls: { a: { code: 'unlinked' } } },
  ],
  [{ ...link, stalls: { a: { code: 'unlinked' } } }, { type: 'resumed', step: 'a' }, { stalls: {} }],
  [{ ...ending, stalls: { a: { code: 'unlinked' } } }, { type: 'resumed', step: 'a' }, { stalls: {} }],
  [
    { ...link, lookWanted: true },
    { type: 'ending', failure: { code: 'access_revoked' } },
    {
      jobs: { [JOB]: { state: 'failed', run: 1, registeredAt: T0, reason: { code: 'access_revoked' } } },
      ending: 'unlinking',
      failure: { code: 'access_revoked' },
      stateSince: T1,
    },
  ],
];

it.each(SHOWN)('%# changes what is shown, and when', (before, event, change) => {
  expect(isQuiet(event)).toBe(false);
  expect(changed(before, event)).toStrictEqual({ ...before, ...change, updatedAt: T1 });
});

/** Events that say what is known. */
const KNOWN: [before: LinkFacts, event: LinkEvent][] = [
  [link, { type: 'item_known', itemId: 'item-1' }],
  [link, { type: 'history_ready' }],
  [link, { type: 'registration_begun', job: JOB }],
  [link, { type: 'resumed', step: 'a' }],
  [ending, { type: 'resumed', step: 'a' }],
  [link, { type: 'looked' }],
  [
    { ...link, lookWanted: true, repairClaimed: true },
    { type: 'look_wanted', repairClaimed: true },
  ],
  [{ ...link, lookWanted: true }, { type: 'look_wanted' }],
  [{ ...link, accountRevoked: true }, { type: 'account_revoked' }],
  [
    { ...link, attention: 'sign_in_required' },
    { type: 'attention_needed', code: 'sign_in_required' },
  ],
  [
    { ...link, attention: 'sign_in_required', lacksConsent: true },
    { type: 'attention_needed', code: 'sign_in_required', lacksConsent: true },
  ],
  [
    { ...link, attention: 'account_required', choices: [] },
    { type: 'account_unclear', code: 'account_required', choices: [] },
  ],
  [link, { type: 'repaired' }],
  [link, { type: 'repaired', confirmed: true }],
  [link, { type: 'repaired', account: ACCOUNT }],
  [{ ...link, warning: UNTIL }, { type: 'repaired' }],
  [
    { ...link, warning: UNTIL },
    { type: 'warning_heard', warning: UNTIL },
  ],
  [
    { ...link, settledWarning: UNTIL },
    { type: 'warning_heard', warning: UNTIL },
  ],
  [link, { type: 'ended' }],
  [ending, { type: 'permission_revoked' }],
  [
    { ...link, ending: 'unlinked' },
    { type: 'exchanged', itemId: 'item-2', sealedAccessToken: 'sealed' },
  ],
];

it.each(KNOWN)('%# leaves the very same facts', (before, event) => {
  expect(changed(before, event)).toBe(before);
});

describe('a warning', () => {
  it.each([
    { code: 'pending_expiration', until: T2 },
    { code: 'pending_disconnect', until: T1 },
    { code: 'pending_disconnect' },
  ] as const)('is another one where its code or its time is another: %j', (warning) => {
    expect(changed({ ...link, warning: UNTIL }, { type: 'warning_heard', warning })).toMatchObject({
      lookWanted: true,
      warningHeard: warning,
    });
  });

  it('is forgotten once the Item has been looked at, as is the claim of a repair', () => {
    const heard: LinkFacts = { ...link, lookWanted: true, repairClaimed: true, warningHeard: UNTIL };
    expect(changed(heard, { type: 'looked' })).toStrictEqual({ ...link, lookWanted: false });
  });

  it('is settled by a repair that somebody confirms', () => {
    expect(changed({ ...link, warning: UNTIL }, { type: 'repaired', confirmed: true })).toStrictEqual({
      ...link,
      settledWarning: UNTIL,
      updatedAt: T1,
    });
  });
});

describe('attention', () => {
  const choices = [{ accountId: 'account-2', name: 'Savings' }];

  it('changes with its code, its consent and its choices', () => {
    const waiting: LinkFacts = { ...link, attention: 'account_required', attentionSince: T0, choices };
    for (const event of [
      { type: 'account_unclear', code: 'account_not_found', choices },
      { type: 'account_unclear', code: 'account_required', choices: [] },
    ] satisfies LinkEvent[]) {
      const { code: attention, choices } = event;
      expect(changed(waiting, event)).toStrictEqual({ ...waiting, attention, choices, updatedAt: T1 });
    }
    const { choices: _, ...signIn }: LinkFacts = { ...waiting, attention: 'sign_in_required' };
    expect(
      changed(signIn, { type: 'attention_needed', code: 'sign_in_required', lacksConsent: true }),
    ).toStrictEqual({ ...signIn, lacksConsent: true, updatedAt: T1 });
    expect(
      changed({ ...signIn, lacksConsent: true }, { type: 'attention_needed', code: 'sign_in_required' }),
    ).not.toHaveProperty('lacksConsent');
  });

  it('of an account that is withdrawn forgets the registration and what withdrew it', () => {
    const withdrawn = changed({ ...link, accountRevoked: true }, { type: 'account_withdrawn' });
    expect(withdrawn).toMatchObject({
      accountRevoked: false,
      mayBeRegistered: false,
      registered: false,
      attention: 'access_revoked',
      attentionSince: T1,
    });
  });
});

describe('the full history', () => {
  const created = (before: LinkFacts, awaitHistory: boolean) =>
    changed(before, {
      type: 'processor_token_created',
      account: ACCOUNT,
      sealedProcessorToken: 'sealed',
      awaitHistory,
    });

  it('is awaited from the first processor token on, where it is wanted', () => {
    expect(created(begun, true)).toMatchObject({ historyReady: false, historyAwaitedSince: T1 });
    expect(created({ ...begun, historyAwaitedSince: T0 }, true)).toMatchObject({ historyAwaitedSince: T0 });
  });

  it('is not awaited where it is not wanted, or there', () => {
    for (const facts of [created(begun, false), created({ ...begun, historyReady: true }, true)]) {
      expect(facts.historyReady).toBe(true);
      expect(facts).not.toHaveProperty('historyAwaitedSince');
    }
  });
});

describe('times', () => {
  const completed: LinkEvent = { type: 'job_completed', job: JOB, via: 'webhook', sha256: 'a' };

  it('tell since when the link is in the state that it is listed under, and when it was linked first', () => {
    const linked = transition(link, completed, T1);
    expect(linked).toMatchObject({ stateSince: T1, linkedAt: T1, updatedAt: T1 });
    const again = transition(linked, { type: 'job_requested', job: JOB }, T2);
    expect(again).toMatchObject({ stateSince: T2, linkedAt: T1, updatedAt: T2 });
    expect(transition(again, { type: 'job_requested', job: OTHER }, T2)).toMatchObject({ linkedAt: T1 });
  });

  it('stay where the link is listed as before', () => {
    const exchanged = changed(begun, { type: 'exchanged', itemId: 'item-1', sealedAccessToken: 'sealed' });
    expect(exchanged).toMatchObject({ stateSince: T0, updatedAt: T1 });
    expect(exchanged).not.toHaveProperty('linkedAt');
  });
});

it('leaves no token, and no step that is tried again, in a link that has ended', () => {
  const { sealedAccessToken: _, sealedProcessorToken: _processor, ...rest } = ending;
  const stalls = { a: { code: 'unlinked' } } as const;
  const ended = { stalls: {}, stateSince: T1, updatedAt: T1 };
  expect(changed({ ...ending, stalls }, { type: 'ended' })).toStrictEqual({
    ...rest,
    ...ended,
    ending: 'unlinked',
  });
  const failure = { code: 'access_revoked' } as const;
  expect(changed({ ...ending, failure }, { type: 'ended' })).toStrictEqual({
    ...rest,
    ...ended,
    failure,
    ending: 'failed',
  });
});
