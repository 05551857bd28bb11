import type { IdGenerator } from '../server/ids';

export type AccountType = 'depository' | 'credit' | 'loan' | 'investment' | 'brokerage' | 'other';

/** An account to be had by an Item; what is left out is made up. */
export interface AccountSpec {
  type: AccountType;
  subtype?: string | null;
  mask?: string | null;
  name?: string;
  accountId?: string;
  /** Most banks have none, so there is none unless it is given. */
  persistentAccountId?: string;
}

export interface SimulatedAccount {
  accountId: string;
  persistentAccountId?: string;
  type: AccountType;
  subtype: string | null;
  mask: string | null;
  name: string;
}

const CHECKING: AccountSpec = {
  type: 'depository',
  subtype: 'checking',
  mask: '0000',
  name: 'Everyday Checking',
};
const SAVINGS: AccountSpec = {
  type: 'depository',
  subtype: 'savings',
  mask: '1111',
  name: 'Rainy Day Savings',
};
const CARD: AccountSpec = { type: 'credit', subtype: 'credit card', mask: '3333', name: 'Travel Card' };

export const ACCOUNT_PRESETS = {
  checking: [CHECKING],
  'checking-and-savings': [CHECKING, SAVINGS],
  'checking-and-card': [CHECKING, CARD],
  'card-only': [CARD],
  none: [],
} as const satisfies Record<string, readonly AccountSpec[]>;
export type AccountPreset = keyof typeof ACCOUNT_PRESETS;
export type Accounts = AccountPreset | readonly AccountSpec[];

export function makeAccounts(accounts: Accounts, ids: IdGenerator): SimulatedAccount[] {
  const specs: readonly AccountSpec[] = typeof accounts === 'string' ? ACCOUNT_PRESETS[accounts] : accounts;
  return specs.map((spec, index) => ({
    accountId: spec.accountId ?? ids.plaidId(),
    ...(spec.persistentAccountId === undefined ? {} : { persistentAccountId: spec.persistentAccountId }),
    type: spec.type,
    subtype: spec.subtype === undefined ? 'checking' : spec.subtype,
    mask: spec.mask === undefined ? String(index).padStart(4, '0') : spec.mask,
    name: spec.name ?? 'Account',
  }));
}

/** An entry of `accounts` as `/accounts/get` answers it. */
export function accountBody(account: SimulatedAccount) {
  return {
    account_id: account.accountId,
    balances: {
      available: account.type === 'depository' ? 1482.17 : null,
      current: 1530.42,
      iso_currency_code: 'USD',
      limit: null,
      unofficial_currency_code: null,
    },
    mask: account.mask,
    name: account.name,
    official_name: null,
    ...(account.persistentAccountId === undefined
      ? {}
      : { persistent_account_id: account.persistentAccountId }),
    subtype: account.subtype,
    type: account.type,
    holder_category: 'personal',
  };
}
