import { findAccount, type WantedAccount } from '../../activities/accounts';
import type { PlaidAccount } from '../../src/providers/types';

const account = (accountId: string, more: Partial<PlaidAccount> = {}): PlaidAccount => ({
  accountId,
  name: `Account ${accountId}`,
  type: 'depository',
  subtype: 'checking',
  mask: '0000',
  ...more,
});
const card = account('card', { type: 'credit', subtype: 'credit card' });

const idOf = (accounts: PlaidAccount[], wanted: WantedAccount) => {
  const finding = findAccount(accounts, wanted);
  return 'problem' in finding ? finding.problem : finding.account.accountId;
};

describe('the account of a new link', () => {
  it.each<[string, PlaidAccount[], string | undefined, string]>([
    ['the only depository account', [card, account('a')], undefined, 'a'],
    ['none of two', [account('a'), account('b')], undefined, 'account_required'],
    ['none without a depository account', [card], undefined, 'account_required'],
    ['the one that was asked for', [account('a'), account('b')], 'b', 'b'],
    ['none that is not there', [account('a')], 'b', 'account_not_found'],
  ])('is %s', (_name, accounts, accountId, expected) => {
    expect(idOf(accounts, { ...(accountId !== undefined && { accountId }) })).toBe(expected);
  });

  it('is chosen from depository accounts alone', () => {
    const bare = { accountId: 'b', name: 'Bare', type: 'depository' };
    expect(findAccount([account('a'), bare, card], {})).toEqual({
      problem: 'account_required',
      choices: [
        { accountId: 'a', name: 'Account a', mask: '0000', subtype: 'checking' },
        { accountId: 'b', name: 'Bare' },
      ],
    });
  });
});

describe('the account that a link had before', () => {
  const known = { accountId: 'old', mask: '0000', subtype: 'checking' };
  const withId = { ...known, persistentAccountId: 'p1' };

  it.each<[string, PlaidAccount[], WantedAccount['known'], string]>([
    ['by its id', [account('old', { mask: '9999' })], known, 'old'],
    ['by mask and subtype under a new id', [account('new')], known, 'new'],
    ['not where two are alike', [account('new'), account('twin')], known, 'account_not_found'],
    ['not by its subtype alone', [account('new', { mask: '1111' })], known, 'account_not_found'],
    ['not without a mask', [account('new')], { accountId: 'old' }, 'account_not_found'],
    ['by its persistent id', [account('new', { mask: '1', persistentAccountId: 'p1' })], withId, 'new'],
    [
      'never by mask where both have one',
      [account('new', { persistentAccountId: 'p2' })],
      withId,
      'account_not_found',
    ],
    ['by mask where the bank gives none any more', [account('new')], withId, 'new'],
    [
      'by mask where the bank gave none before',
      [account('new', { persistentAccountId: 'p2' })],
      known,
      'new',
    ],
  ])('is found again %s', (_name, accounts, wanted, expected) => {
    expect(idOf(accounts, { ...(wanted && { known: wanted }) })).toBe(expected);
  });

  it('counts for more than the one that was asked for at the start', () => {
    expect(idOf([account('old'), account('asked')], { known, accountId: 'asked' })).toBe('old');
  });
});
