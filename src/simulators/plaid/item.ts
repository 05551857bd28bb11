import type { SimulatedAccount } from './accounts';
import { type PlaidErrorCode, plaidErrorFields } from './errors';

export interface SimulatedItem {
  readonly itemId: string;
  readonly accessToken: string;
  readonly userId: string | undefined;
  readonly webhook: string | null;
  readonly products: readonly string[];
  readonly institutionId: string;
  readonly createdAtMs: number;
  /** Who exchanged the public token: a request to the simulator, or a caller before any test began. */
  readonly origin: 'exchange' | 'caller';
  /** `revoked`: the user withdrew permission; the Item is still there to be removed. */
  life: 'live' | 'revoked' | 'removed';
  /** False when the exchange's answer was lost: the access token is lost, so the Item cannot be removed. */
  delivered: boolean;
  accounts: SimulatedAccount[];
  /** `asked`: a Link token of update mode has asked the user. */
  consent: 'given' | 'lacking' | 'asked';
  error: PlaidErrorCode | null;
  lastSuccessfulUpdateMs: number | null;
  lastFailedUpdateMs: number | null;
  lastWebhook: { sentAtMs: number; code: string } | null;
  /** Token to account. */
  readonly processorTokens: Map<string, string>;
}

/** Processor tokens die with the Item, with its permission, and when their account goes or gets another id. */
export function liveTokens(item: SimulatedItem): string[] {
  if (item.life !== 'live') return [];
  return [...item.processorTokens]
    .filter(([, accountId]) => item.accounts.some((account) => account.accountId === accountId))
    .map(([token]) => token);
}

/** `item` as `/item/get` and `/accounts/get` answer it. */
export function itemBody(item: SimulatedItem) {
  return {
    available_products: ['balance', 'identity'],
    billed_products: item.products,
    products: item.products,
    ...(item.consent === 'given' ? {} : { consented_products: [] }),
    consent_expiration_time: null,
    error: item.error === null ? null : { ...plaidErrorFields(item.error), error_code_reason: null },
    institution_id: item.institutionId,
    institution_name: 'First Platypus Bank',
    item_id: item.itemId,
    update_type: 'background',
    webhook: item.webhook,
    auth_method: null,
  };
}
