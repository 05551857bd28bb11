import type { AccountIdentity } from '../src/contract/workflow';
import type { PlaidAccount } from '../src/providers/types';

export type AccountChoice =
  | { account: AccountIdentity }
  | { problem: 'account_required' | 'account_not_found' };

/**
 * The account a new link is for: the one asked for, or the Item's only depository account. The browser is not
 * trusted for the id, so it must be one of the Item's.
 */
export function chooseAccount(
  accounts: readonly PlaidAccount[],
  accountId: string | undefined,
): AccountChoice {
  if (accountId !== undefined) {
    const asked = accounts.find((account) => account.accountId === accountId);
    return asked ? { account: identityOf(asked) } : { problem: 'account_not_found' };
  }
  const depository = accounts.filter((account) => account.type === 'depository');
  const [only] = depository;
  return only !== undefined && depository.length === 1
    ? { account: identityOf(only) }
    : { problem: 'account_required' };
}

/**
 * The same account as it is now: by id, else by `persistent_account_id`, else the only one with its mask and
 * subtype; undefined when the Item no longer has it.
 */
export function findAccountAgain(
  accounts: readonly PlaidAccount[],
  known: AccountIdentity,
): AccountIdentity | undefined {
  const sameId = accounts.find((account) => account.accountId === known.accountId);
  if (sameId) return identityOf(sameId);
  if (known.persistentAccountId !== undefined) {
    const persistent = accounts.find((account) => account.persistentAccountId === known.persistentAccountId);
    if (persistent) return identityOf(persistent);
  }
  if (known.mask === undefined) return undefined;
  const alike = accounts.filter(
    (account) => account.mask === known.mask && account.subtype === known.subtype,
  );
  const [only] = alike;
  return only !== undefined && alike.length === 1 ? identityOf(only) : undefined;
}

function identityOf({ accountId, persistentAccountId, mask, subtype }: PlaidAccount): AccountIdentity {
  return {
    accountId,
    ...(persistentAccountId !== undefined && { persistentAccountId }),
    ...(mask !== undefined && { mask }),
    ...(subtype !== undefined && { subtype }),
  };
}
