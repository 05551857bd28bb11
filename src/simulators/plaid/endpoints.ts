import { PLAID_PROCESSOR } from '../../contract/names';
import type { Ledger } from '../server/ledger';
import type { SimulatorServer } from '../server/simulator-server';
import { accountBody } from './accounts';
import { type EndpointOptions, plaidEndpoints } from './endpoint';
import { PlaidRefusal, plaidErrorFields } from './errors';
import { itemBody, type SimulatedItem } from './item';
import type { PlaidEffect } from './items';
import { type FireWebhookCode, PLAID_REQUESTS } from './requests';
import type { WebhookKeys } from './signing';

const MINUTE_MS = 60_000;
const LINK_TOKEN_LIFE_MS = 4 * 60 * MINUTE_MS;
const UPDATE_LINK_TOKEN_LIFE_MS = 30 * MINUTE_MS;

export interface PlaidEndpointsOptions extends EndpointOptions {
  environment: 'sandbox' | 'production';
  now: () => number;
  /** URIs that a Link token may name; undefined lets all pass. */
  redirectUris: readonly string[] | undefined;
  ledger: Ledger<PlaidEffect>;
  keys: WebhookKeys;
  /** Tells the user of a token made by `/sandbox/public_token/create`, which names none. */
  userOfWebhookUrl: (url: string) => string | undefined;
  onItemCreated(item: SimulatedItem): void;
  onLoginReset(item: SimulatedItem): void;
  /** Fires a webhook of the given code; throws a refusal where the Item cannot have it. */
  onFireWebhook(item: SimulatedItem, code: FireWebhookCode): void;
}

/** Plaid's endpoints, with the checks in Plaid's order: credentials, fields, tokens. */
export function registerPlaidEndpoints(server: SimulatorServer, options: PlaidEndpointsOptions): void {
  const { ids, now, ledger, items, keys, environment } = options;
  const endpoint = plaidEndpoints(server, options);

  endpoint('/link/token/create', PLAID_REQUESTS.linkTokenCreate, (input) => {
    if (input.user === undefined && input.user_id === undefined) {
      throw new PlaidRefusal('MISSING_FIELDS', 'required field absent: user');
    }
    const mode = input.access_token ? 'update' : 'new';
    const webhook = mode === 'new' && input.webhook !== undefined ? { webhook: input.webhook } : {};
    let itemId: string | undefined;
    if (input.access_token) {
      const item = items.byAccessToken(input.access_token);
      itemId = item.itemId;
      const asks = input.additional_consented_products?.includes('transactions');
      if (asks && item.consent === 'lacking') item.consent = 'asked';
      if (input.products?.length || input.transactions) {
        throw new PlaidRefusal('INVALID_FIELD', 'products have no place in update mode');
      }
    } else if (!input.products?.length) {
      throw new PlaidRefusal('INVALID_FIELD', 'products must be a properly formatted, non-empty array');
    } else if (input.transactions && !input.products.includes('transactions')) {
      throw new PlaidRefusal('INVALID_FIELD', 'transactions is set, but products lacks it');
    }
    if (mode === 'update' && input.account_filters) {
      throw new PlaidRefusal('INVALID_FIELD', 'account_filters has no place in update mode');
    }
    const { redirectUris } = options;
    if (input.redirect_uri !== undefined && redirectUris && !redirectUris.includes(input.redirect_uri)) {
      throw new PlaidRefusal('INVALID_FIELD', 'redirect_uri is not on the list of allowed URIs');
    }
    const lifeMs = mode === 'update' ? UPDATE_LINK_TOKEN_LIFE_MS : LINK_TOKEN_LIFE_MS;
    ledger.effect('link_token_created', input.user?.client_user_id, {
      mode,
      language: input.language,
      countries: input.country_codes.join(','),
      ...webhook,
      ...(itemId === undefined ? {} : { itemId }),
      ...(mode === 'new'
        ? {
            products: (input.products ?? []).join(','),
            daysRequested: input.transactions?.days_requested ?? 90,
            accountSubtypes: (input.account_filters?.depository?.account_subtypes ?? []).join(','),
          }
        : {
            accountSelection: input.update?.account_selection_enabled ?? false,
            consents: (input.additional_consented_products ?? []).join(','),
          }),
    });
    return {
      link_token: `link-${environment}-${ids.uuid()}`,
      expiration: isoSeconds(now() + lifeMs),
    };
  });

  endpoint('/item/public_token/exchange', PLAID_REQUESTS.publicTokenExchange, (input) => {
    const item = items.exchange(input.public_token);
    options.onItemCreated(item);
    return {
      body: { access_token: item.accessToken, item_id: item.itemId },
      onLost: () => {
        item.delivered = false;
      },
    };
  });

  endpoint('/accounts/get', PLAID_REQUESTS.accountsGet, (input) => {
    const item = healthy(items.byAccessToken(input.access_token));
    const wanted = input.options?.account_ids;
    const unknown = wanted?.find((id) => !item.accounts.some((account) => account.accountId === id));
    if (unknown !== undefined) throw noSuchAccount();
    if (item.accounts.length === 0) throw new PlaidRefusal('NO_ACCOUNTS', 'the item has no usable account');
    const accounts = item.accounts.filter((account) => wanted?.includes(account.accountId) ?? true);
    return { accounts: accounts.map(accountBody), item: itemBody(item) };
  });

  endpoint('/item/get', PLAID_REQUESTS.itemGet, (input) => {
    const item = items.byAccessToken(input.access_token);
    return {
      item: { ...itemBody(item), created_at: isoSeconds(item.createdAtMs) },
      status: {
        transactions: {
          last_successful_update: isoOrNull(item.lastSuccessfulUpdateMs),
          last_failed_update: isoOrNull(item.lastFailedUpdateMs),
        },
        investments: null,
        last_webhook:
          item.lastWebhook === null
            ? null
            : { sent_at: isoSeconds(item.lastWebhook.sentAtMs), code_sent: item.lastWebhook.code },
      },
    };
  });

  endpoint('/processor/token/create', PLAID_REQUESTS.processorTokenCreate, (input) => {
    const item = healthy(items.byAccessToken(input.access_token));
    if (input.processor !== PLAID_PROCESSOR) {
      throw new PlaidRefusal('INVALID_PRODUCT', 'this integration is not switched on for these API keys');
    }
    if (!item.products.includes('transactions')) {
      throw new PlaidRefusal('PRODUCT_NOT_ENABLED', 'the item was made without transactions');
    }
    if (!item.accounts.some((account) => account.accountId === input.account_id)) throw noSuchAccount();
    if (item.consent !== 'given') {
      throw new PlaidRefusal('ADDITIONAL_CONSENT_REQUIRED', 'the user has not consented to transactions');
    }
    return { processor_token: items.createProcessorToken(item, input.account_id) };
  });

  endpoint(
    '/processor/token/permissions/set',
    PLAID_REQUESTS.processorTokenPermissionsSet,
    ({ processor_token: token, products }) => {
      items.restrictProcessorToken(token, products);
      return {};
    },
  );

  endpoint('/item/remove', PLAID_REQUESTS.itemRemove, (input) => {
    items.remove(items.byAccessToken(input.access_token, { evenRevoked: true }));
    return {};
  });

  endpoint('/webhook_verification_key/get', PLAID_REQUESTS.webhookVerificationKeyGet, (input) => {
    const key = keys.find(input.key_id);
    if (!key) throw new PlaidRefusal('INVALID_WEBHOOK_VERIFICATION_KEY_ID', 'no key has this id');
    return { key: { ...key } };
  });

  const sandboxOnly = () => {
    if (environment !== 'sandbox') throw new PlaidRefusal('SANDBOX_ONLY', 'only in the Sandbox');
  };

  endpoint('/sandbox/public_token/create', PLAID_REQUESTS.sandboxPublicTokenCreate, (input) => {
    sandboxOnly();
    if (!/^ins_\d+$/.test(input.institution_id)) {
      throw new PlaidRefusal('INVALID_INSTITUTION', 'no institution has this id');
    }
    const webhook = input.options?.webhook;
    const { publicToken } = items.createPublicToken({
      userId: webhook === undefined ? undefined : options.userOfWebhookUrl(webhook),
      webhook,
      products: input.initial_products,
      institutionId: input.institution_id,
    });
    return { public_token: publicToken };
  });

  endpoint('/sandbox/item/reset_login', PLAID_REQUESTS.sandboxItemResetLogin, (input) => {
    sandboxOnly();
    options.onLoginReset(items.byAccessToken(input.access_token));
    return { reset_login: true };
  });

  endpoint('/sandbox/item/fire_webhook', PLAID_REQUESTS.sandboxItemFireWebhook, (input) => {
    sandboxOnly();
    options.onFireWebhook(items.byAccessToken(input.access_token), input.webhook_code);
    return { webhook_fired: true };
  });
}

/** Errors of an Item that a call for its data runs into; `/item/get` shows them in a 200 instead. */
function healthy(item: SimulatedItem): SimulatedItem {
  if (item.error !== null) throw new PlaidRefusal(item.error, plaidErrorFields(item.error).error_message);
  return item;
}

function noSuchAccount(): PlaidRefusal {
  return new PlaidRefusal('INVALID_ACCOUNT_ID', 'this item has no account with that id');
}

function isoSeconds(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

function isoOrNull(atMs: number | null): string | null {
  return atMs === null ? null : isoSeconds(atMs);
}
