import { type LinkEvent, type LinkFacts, newLink } from '../../workflows/facts';
import { viewOf } from '../../workflows/link-view';
import { nextStep } from '../../workflows/next-step';
import { transition } from '../../workflows/transition';

const JOB = 'employer-classification';
const T0 = '2026-11-23T09:00:00.000Z';
const T1 = '2026-11-23T10:00:00.000Z';
const RUN = { workflowId: 'processor-link/user-1', runId: 'run-1' };
const ACCOUNT = { accountId: 'account-1', mask: '0000', subtype: 'checking' };
const CHOICES = [{ accountId: 'account-2', name: 'Savings' }];

const CONNECTED: LinkEvent[] = [
  { type: 'exchanged', itemId: 'item-1', sealedAccessToken: 'sealed' },
  {
    type: 'processor_token_created',
    account: ACCOUNT,
    sealedProcessorToken: 'sealed',
    awaitHistory: false,
  },
  { type: 'job_registered', job: JOB },
];
const unclear: LinkEvent = { type: 'account_unclear', code: 'account_not_found', choices: CHOICES };
const signIn: LinkEvent = { type: 'attention_needed', code: 'sign_in_required' };

function linkAfter(...events: LinkEvent[]): LinkFacts {
  return later(newLink({ userId: 'user-1', jobs: [JOB] }, T0), ...events);
}
const later = (link: LinkFacts, ...events: LinkEvent[]) =>
  events.reduce((facts, event) => transition(facts, event, T0), link);

describe('a link whose account is unclear', () => {
  const link = linkAfter(...CONNECTED, unclear);

  it('shows the choices, and asks for one of them', () => {
    expect(viewOf(link, RUN)).toMatchObject({
      state: 'needs_attention',
      error: { code: 'account_not_found', action: 'choose_account' },
      choices: CHOICES,
    });
    expect(nextStep(link)).toBe('wait_for_user');
  });

  it('makes a processor token for the account that was chosen, and runs its jobs again', () => {
    const chosen = later(link, { type: 'account_chosen', accountId: 'account-2' });
    expect(chosen).toMatchObject({
      chosenAccountId: 'account-2',
      jobs: { [JOB]: { state: 'pending', run: 2 } },
    });
    for (const fact of ['account', 'attention', 'choices', 'attentionSince', 'sealedProcessorToken']) {
      expect(chosen).not.toHaveProperty(fact);
    }
    expect(nextStep(chosen)).toBe('create_processor_token');
  });

  it('is the very same link when the same is found again', () => {
    expect(transition(link, { ...unclear }, T1)).toBe(link);
  });

  it('waits since it began to, whatever it waits for', () => {
    const other = transition(link, signIn, T1);
    expect(other).toMatchObject({ attention: 'sign_in_required', attentionSince: T0 });
    expect(other).not.toHaveProperty('choices');
  });

  it('has nothing to choose once it ends', () => {
    expect(viewOf(later(link, { type: 'ending' }), RUN)).not.toHaveProperty('choices');
  });
});

describe('a hint', () => {
  it('is to be looked at once, and a claim of a repair is kept until then', () => {
    const hinted = linkAfter(
      ...CONNECTED,
      { type: 'look_wanted' },
      { type: 'look_wanted', repairClaimed: true },
    );
    expect(hinted).toMatchObject({ lookWanted: true, repairClaimed: true });
    expect(transition(hinted, { type: 'look_wanted' }, T1)).toBe(hinted);
    const looked = later(hinted, { type: 'looked' });
    expect(looked).toMatchObject({ lookWanted: false });
    expect(looked).not.toHaveProperty('repairClaimed');
  });

  it('of a warning changes nothing that is shown before the Item has been looked at', () => {
    const warning = { code: 'pending_disconnect', until: T1 } as const;
    const heard = linkAfter(...CONNECTED, { type: 'warning_heard', warning });
    expect(nextStep(heard)).toBe('look_at_item');
    expect(viewOf(heard, RUN)).not.toHaveProperty('warning');
    const warned = later(heard, { type: 'looked' }, { type: 'warned', warning });
    expect(viewOf(warned, RUN)).toMatchObject({ warning });
    expect(transition(warned, { type: 'warning_heard', warning }, T1)).toBe(warned);

    const settled = later(warned, { type: 'repaired', confirmed: true });
    expect(viewOf(settled, RUN)).not.toHaveProperty('warning');
    expect(transition(settled, { type: 'warning_heard', warning }, T1)).toBe(settled);
  });

  it('of consent that is lacking is kept until the Item is in order', () => {
    const lacking = linkAfter(...CONNECTED, {
      type: 'attention_needed',
      code: 'sign_in_required',
      lacksConsent: true,
    });
    expect(lacking.lacksConsent).toBe(true);
    expect(later(lacking, { type: 'repaired' })).not.toHaveProperty('lacksConsent');
  });
});
