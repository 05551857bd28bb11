import type { AccountChoice } from '../src/contract/schemas';
import type { AccountIdentity } from '../src/contract/workflow';
import type { PlaidAccount } from '../src/providers/types';

/** The link's account, or why it is unclear and what the user can choose from: depository accounts alone. */
export type AccountFinding =
  | { account: AccountIdentity }
  | { problem: 'account_required' | 'account_not_found'; choices: AccountChoice[] };

export interface WantedAccount {
  /** The account that the link had before: it is found again even under a new id. */
  known?: AccountIdentity;
  /** The account that the caller or the user asked for. */
  accountId?: string;
}

/**
 * The account that a link is for: the one it had before, else the one asked for, else the Item's only depository account.
 * The browser is not trusted for the id, so it must be one of the Item's.
 */
export function findAccount(
  accounts: readonly PlaidAccount[],
  { known, accountId }: WantedAccount,
): AccountFinding {
  const depository = accounts.filter(({ type }) => type === 'depository');
  const found = known
    ? accountAgain(accounts, known)
    : accountId === undefined
      ? onlyOf(depository)
      : accounts.find((account) => account.accountId === accountId);
  if (found) return { account: identityOf(found) };
  const isNew = known === undefined && accountId === undefined;
  return { problem: isNew ? 'account_required' : 'account_not_found', choices: depository.map(choiceOf) };
}

/**
 * The same account as it is now: by id, else by `persistent_account_id`, else the only one with its mask and subtype. Two
 * accounts that both have a `persistent_account_id` are told by it alone.
 */
function accountAgain(accounts: readonly PlaidAccount[], known: AccountIdentity): PlaidAccount | undefined {
  const sameId = accounts.find((account) => account.accountId === known.accountId);
  if (sameId) return sameId;
  const { persistentAccountId, mask, subtype } = known;
  if (persistentAccountId !== undefined) {
    const persistent = onlyOf(
      accounts.filter((account) => account.persistentAccountId === persistentAccountId),
    );
    if (persistent) return persistent;
  }
  if (mask === undefined) return undefined;
  const canBeTold = (account: PlaidAccount) =>
    persistentAccountId !== undefined && account.persistentAccountId !== undefined;
  return onlyOf(
    accounts.filter((account) => !canBeTold(account) && account.mask === mask && account.subtype === subtype),
  );
}

function onlyOf<T>(list: readonly T[]): T | undefined {
  return list.length === 1 ? list[0] : undefined;
}

function identityOf({ accountId, persistentAccountId, mask, subtype }: PlaidAccount): AccountIdentity {
  return {
    accountId,
    ...(persistentAccountId !== undefined && { persistentAccountId }),
    ...(mask !== undefined && { mask }),
    ...(subtype !== undefined && { subtype }),
  };
}

function choiceOf({ accountId, name, mask, subtype }: PlaidAccount): AccountChoice {
  return {
    accountId,
    name,
    ...(mask !== undefined && { mask }),
    ...(subtype !== undefined && { subtype }),
  };
}
