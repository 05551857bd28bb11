import type { Ledger } from '../server/ledger';
import type { WebhookAnswer, WebhookDelivery } from '../server/webhook-delivery';
import { PlaidRefusal, plaidErrorFields } from './errors';
import type { SimulatedItem } from './item';
import type { PlaidEffect } from './items';
import type { FireWebhookCode } from './requests';
import type { WebhookKeys } from './signing';

/** Plaid tries for up to 24 hours: after 30 s, then four times as long each time. */
export const PLAID_RETRY_DELAYS_MS = [30_000, 120_000, 480_000, 1_920_000, 7_680_000, 30_720_000] as const;
const DELIVERY_TIMEOUT_MS = 10_000;
const KEPT_WEBHOOKS = 1_000;
const WEEK_MS = 7 * 86_400_000;

export type PlaidWebhookCode =
  | 'ERROR'
  | 'LOGIN_REPAIRED'
  | 'PENDING_DISCONNECT'
  | 'PENDING_EXPIRATION'
  | 'USER_PERMISSION_REVOKED'
  | 'USER_ACCOUNT_REVOKED'
  | 'NEW_ACCOUNTS_AVAILABLE'
  | 'INITIAL_UPDATE'
  | 'HISTORICAL_UPDATE'
  | 'DEFAULT_UPDATE'
  | 'SYNC_UPDATES_AVAILABLE'
  | 'RECURRING_TRANSACTIONS_UPDATE';

const TRANSACTION_CODES: readonly PlaidWebhookCode[] = [
  'INITIAL_UPDATE',
  'HISTORICAL_UPDATE',
  'DEFAULT_UPDATE',
  'SYNC_UPDATES_AVAILABLE',
  'RECURRING_TRANSACTIONS_UPDATE',
];

/** Any body; what `webhook_type`, `item_id` or `environment` lacks is filled in. */
export type PlaidWebhookBody = Readonly<Record<string, unknown>> & { webhook_code: string };

export interface SentPlaidWebhook {
  itemId: string;
  url: string;
  rawBody: string;
  headers: Record<string, string>;
  /** The receiver's answer to the first attempt. */
  answer: WebhookAnswer;
}

export interface PlaidWebhooksOptions {
  ledger: Ledger<PlaidEffect>;
  keys: WebhookKeys;
  delivery: WebhookDelivery;
  environment: 'sandbox' | 'production';
  now: () => number;
  retryDelaysMs: readonly number[];
}

/** Plaid's webhooks: pretty-printed, signed again for each attempt, taken only by a 200 within 10 s. */
export class PlaidWebhooks {
  readonly #options: PlaidWebhooksOptions;
  /** The newest 1,000 that were answered. */
  readonly sent: SentPlaidWebhook[] = [];

  constructor(options: PlaidWebhooksOptions) {
    this.#options = options;
  }

  /** Sends where the Item has a URL; resolves with the answer to the first attempt. */
  async send(
    item: SimulatedItem,
    webhook: PlaidWebhookCode | PlaidWebhookBody,
  ): Promise<SentPlaidWebhook | undefined> {
    const { ledger, keys, delivery, environment, now, retryDelaysMs } = this.#options;
    const url = item.webhook;
    if (url === null) return undefined;
    const fields = typeof webhook === 'string' ? this.#usualBody(item, webhook) : webhook;
    const rawBody = JSON.stringify(
      {
        webhook_type: 'ITEM',
        item_id: item.itemId,
        ...fields,
        environment: fields.environment ?? environment,
      },
      null,
      2,
    );
    const code = fields.webhook_code;
    item.lastWebhook = { sentAtMs: now(), code };
    let headers: Record<string, string> = {};
    const answer = await delivery.deliver({
      message() {
        headers = { 'content-type': 'application/json', 'plaid-verification': keys.sign(rawBody) };
        return { url, headers, rawBody };
      },
      succeeded: (status) => status === 200,
      retryDelaysMs,
      timeoutMs: DELIVERY_TIMEOUT_MS,
      onAttempt(attempt, attemptAnswer) {
        ledger.effect('webhook_sent', item.userId, { itemId: item.itemId, code, attempt, ...attemptAnswer });
      },
    });
    const sent = { itemId: item.itemId, url, rawBody, headers, answer };
    this.sent.push(sent);
    if (this.sent.length > KEPT_WEBHOOKS) this.sent.shift();
    return sent;
  }

  #usualBody(item: SimulatedItem, code: PlaidWebhookCode): PlaidWebhookBody {
    const inAWeek = new Date(this.#options.now() + WEEK_MS).toISOString();
    const type = TRANSACTION_CODES.includes(code) ? 'TRANSACTIONS' : 'ITEM';
    const common = { webhook_type: type, webhook_code: code, item_id: item.itemId };
    switch (code) {
      case 'ERROR':
        return { ...common, error: webhookError(item.error ?? 'ITEM_LOGIN_REQUIRED') };
      case 'PENDING_DISCONNECT':
        return { ...common, reason: 'INSTITUTION_TOKEN_EXPIRATION', disconnect_time: inAWeek };
      case 'PENDING_EXPIRATION':
        return { ...common, consent_expiration_time: inAWeek };
      case 'USER_PERMISSION_REVOKED':
        // In a webhook this code comes as an ITEM_ERROR, in an answer as INVALID_INPUT.
        return { ...common, error: { ...webhookError('USER_PERMISSION_REVOKED'), error_type: 'ITEM_ERROR' } };
      case 'USER_ACCOUNT_REVOKED':
        return { ...common, account_id: item.accounts[0]?.accountId ?? '' };
      case 'NEW_ACCOUNTS_AVAILABLE':
        return { ...common, error: null };
      case 'INITIAL_UPDATE':
        return { ...common, error: null, new_transactions: 23 };
      case 'HISTORICAL_UPDATE':
        return { ...common, error: null, new_transactions: 148 };
      case 'DEFAULT_UPDATE':
        return { ...common, error: null, new_transactions: 3 };
      case 'SYNC_UPDATES_AVAILABLE':
        return { ...common, initial_update_complete: true, historical_update_complete: true };
      case 'RECURRING_TRANSACTIONS_UPDATE':
        return { ...common, account_ids: item.accounts.map((account) => account.accountId) };
      case 'LOGIN_REPAIRED':
        return common;
    }
  }
}

/** An error object as webhooks carry it: with a status, without a request id. */
function webhookError(code: Parameters<typeof plaidErrorFields>[0]) {
  return { ...plaidErrorFields(code), error_code_reason: null, status: 400 };
}

/** What `/sandbox/item/fire_webhook` fires; refuses what an Item with Transactions alone cannot have. */
export function firedWebhook(item: SimulatedItem, code: FireWebhookCode): PlaidWebhookCode {
  if (item.webhook === null) throw new PlaidRefusal('SANDBOX_WEBHOOK_INVALID', 'the item has no webhook URL');
  if (
    code === 'SMS_MICRODEPOSITS_VERIFICATION' ||
    code === 'AUTHORIZATION_GRANTED' ||
    code === 'PRODUCT_READY' ||
    code === 'ERROR'
  ) {
    throw new PlaidRefusal('SANDBOX_PRODUCT_NOT_ENABLED', 'the item lacks the product of this webhook');
  }
  return code;
}
