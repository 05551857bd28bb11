import type { FailureClass } from '../contract/failures';
import type { Job } from '../contract/jobs';
import type { PlaidVerificationKey } from '../contract/plaid';
import type { LinkToken } from '../contract/schemas';

/** Every call makes one attempt, within the client's deadline, and throws `ProviderError` alone. */
export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. Left out where it must settle once begun. */
  signal?: AbortSignal;
  /** Our id of the request this call is made for, sent along as `x-request-id`. */
  requestId?: string;
}

export interface PlaidAccount {
  accountId: string;
  /** As the bank or the user calls it. */
  name: string;
  /** Stays the same when an account comes back under a new `account_id`; few banks have it. */
  persistentAccountId?: string;
  mask?: string;
  type: string;
  subtype?: string;
}

export interface PlaidItem {
  itemId: string;
  /** `item.error`: an unhealthy Item is a 200 at Plaid. */
  error?: { code: string; failureClass: FailureClass };
  /** `consented_products`, where Plaid says. */
  consentedProducts?: readonly string[];
  /** `status.last_webhook.code_sent`. */
  lastWebhookCode?: string;
}

export interface Plaid {
  /** `/link/token/create` for a new Item: Transactions, of checking and savings accounts. */
  createLinkToken(
    request: { userId: string; webhookUrl: string; redirectUri?: string; language?: string },
    options?: CallOptions,
  ): Promise<LinkToken>;
  /**
   * `/link/token/create` in update mode, with account selection. `asksConsent` asks for the consent to Transactions that an
   * Item with ADDITIONAL_CONSENT_REQUIRED lacks.
   */
  createUpdateLinkToken(
    request: {
      userId: string;
      accessToken: string;
      asksConsent?: boolean;
      redirectUri?: string;
      language?: string;
    },
    options?: CallOptions,
  ): Promise<LinkToken>;
  /** `/item/public_token/exchange`: single use, so `failure.ambiguous` matters here. */
  exchangePublicToken(
    request: { publicToken: string },
    options?: CallOptions,
  ): Promise<{ accessToken: string; itemId: string }>;
  /** `/accounts/get`: cached, free, without closed accounts. */
  getAccounts(
    request: { accessToken: string },
    options?: CallOptions,
  ): Promise<{ itemId: string; accounts: PlaidAccount[] }>;
  /** `/item/get`. */
  getItem(request: { accessToken: string }, options?: CallOptions): Promise<PlaidItem>;
  /** `/processor/token/create` for `atomicfi`, restricted by `/processor/token/permissions/set` where that is set. */
  createProcessorToken(
    request: { accessToken: string; accountId: string },
    options?: CallOptions,
  ): Promise<{ processorToken: string }>;
  /** `/item/remove`. An Item that is gone already is a success. */
  removeItem(request: { accessToken: string }, options?: CallOptions): Promise<void>;
  /** `/webhook_verification_key/get`, as Plaid sends it. Throws class `not_found` for an unknown key id. */
  getWebhookVerificationKey(request: { keyId: string }, options?: CallOptions): Promise<PlaidVerificationKey>;
  /** `/sandbox/public_token/create` with Transactions: what Link does, for the demo. */
  createSandboxPublicToken(
    request: { webhookUrl?: string },
    options?: CallOptions,
  ): Promise<{ publicToken: string }>;
  /** `/sandbox/item/fire_webhook`: has Plaid send NEW_ACCOUNTS_AVAILABLE for an Item of the Sandbox. */
  fireSandboxWebhook(request: { accessToken: string }, options?: CallOptions): Promise<void>;
}

/** A job's result as Atomic has it now; `none` is a 404, a 202, or an object that says that it is not done. */
export type AtomicResult =
  | { kind: 'none' }
  /** An object that says that the job has failed. */
  | { kind: 'failed' }
  | {
      kind: 'found';
      /** The content of `data`, or the whole body where it has none: JSON text, exactly as Atomic sent it. */
      resultText: string;
      /** Null, an empty list, or an object without a filled list. */
      empty: boolean;
      /** SHA-256 of the content, hex: tells the result of an earlier run, whatever the way it is written. */
      sha256: string;
    };

export interface Atomic {
  /**
   * `POST /plaid/processor-link`. On 404 makes the user by `POST /access-token` and tries once more. Throws class `conflict`
   * for a 409: after an earlier attempt that may have arrived it means success.
   */
  registerProcessorLink(
    request: { userId: string; processorToken: string; job: Job },
    options?: CallOptions,
  ): Promise<void>;
  /** `DELETE /plaid/processor-link`. A 404 in Atomic's JSON is a success: nothing is stored. */
  removeProcessorLink(request: { userId: string }, options?: CallOptions): Promise<void>;
  /** The result endpoint of the job. Throws class `too_large` when the body is over the cap. */
  fetchJobResult(request: { userId: string; job: Job }, options?: CallOptions): Promise<AtomicResult>;
}
