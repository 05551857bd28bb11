import {
  Configuration,
  CountryCode,
  DepositoryAccountSubtype,
  type LinkTokenCreateRequest,
  PlaidApi,
  ProcessorTokenCreateRequestProcessorEnum,
  Products,
  SandboxItemFireWebhookRequestWebhookCodeEnum,
  WebhookType,
} from 'plaid';
import { credentialHeader } from '../credential-header';
import { createCallHttp } from '../http-call';
import { ProviderError } from '../provider-error';
import type { CallOptions, Plaid } from '../types';
import type { WatchRequest } from '../watch-requests';
import { accountsOf, exchangeOf, itemOf, linkTokenOf, textOf, verificationKeyOf } from './answers';
import { plaidCalls } from './call';
import { overHttp } from './over-http';

/** Plaid's only two environments (plaid.com/docs/api). Items never move between them. */
export const PLAID_BASE_URLS = {
  sandbox: 'https://sandbox.plaid.com',
  production: 'https://production.plaid.com',
} as const;

export interface PlaidSettings {
  clientId: string;
  secret: string;
  /** One of {@link PLAID_BASE_URLS}, or any server that speaks as Plaid does. */
  baseUrl: string;
  /** Deadline of a call, from the first byte sent to the last one read. */
  timeoutMs?: number;
  /** Deadline of name look-up, TCP and TLS together. */
  connectTimeoutMs?: number;
  link?: PlaidLinkSettings;
  /** What Atomic may read of the account; undefined leaves it to Plaid: everything. */
  processorPermissions?: 'transactions' | undefined;
  /** Stands around each request. */
  watch?: WatchRequest;
}

/** How Link looks and what it asks for; undefined is the default. */
export interface PlaidLinkSettings {
  /** The application's name as Link shows it: at most 30 characters, else Link says "This Application". */
  clientName?: string | undefined;
  /** Where OAuth banks send the user back to; on the Dashboard's list of allowed URIs. */
  redirectUri?: string | undefined;
  /** Default US. `createPlaid` throws for one that Plaid does not know. */
  countryCodes?: readonly string[] | undefined;
  /** Default `en`. */
  language?: string | undefined;
  /** Days of history, 1 to 730. Plaid fixes it for ever once the product is on the Item. Default 180. */
  daysRequested?: number | undefined;
  /** Name of a Link customization in the Dashboard. */
  customization?: string | undefined;
}

const COUNTRIES = Object.values(CountryCode);

const DEFAULT_DAYS_REQUESTED = 180;

const SANDBOX_BANK = {
  institution: 'ins_109508',
  username: 'user_good',
  password: 'pass_good',
} as const;

/** Answers of these endpoints are a few kilobytes; one far larger does not come from Plaid. */
const ANSWER_MAX_BYTES = 2_000_000;

/**
 * Plaid over its own client. A call makes one attempt within `timeoutMs` and throws {@link ProviderError}
 * alone, classified by `error_code`; when the caller's signal aborts it, the signal's reason is thrown as it
 * is. Redirects are not followed and proxies of the environment are not used: both would carry the secret and
 * bank tokens elsewhere.
 */
export function createPlaid(settings: PlaidSettings): Plaid {
  const { processorPermissions, link = {} } = settings;
  const { daysRequested = DEFAULT_DAYS_REQUESTED } = link;
  const countryCodes = (link.countryCodes ?? ['US']).map(countryCode);
  const api = new PlaidApi(
    new Configuration({
      basePath: settings.baseUrl.replace(/\/+$/, ''),
      baseOptions: {
        headers: {
          'PLAID-CLIENT-ID': credentialHeader('Plaid client id', settings.clientId),
          'PLAID-SECRET': credentialHeader('Plaid secret', settings.secret),
        },
      },
    }),
    undefined,
    overHttp(createCallHttp(settings.connectTimeoutMs), ANSWER_MAX_BYTES),
  );
  const call = plaidCalls(settings);

  const createLinkToken = (request: LinkTokenCreateRequest, options: CallOptions | undefined) =>
    call('/link/token/create', options, (send) => api.linkTokenCreate(request, send), linkTokenOf);

  const shownInLink = (shown: { language?: string; redirectUri?: string }) => {
    const redirectUri = shown.redirectUri ?? link.redirectUri;
    return {
      client_name: link.clientName ?? 'This Application',
      language: shown.language ?? link.language ?? 'en',
      country_codes: countryCodes,
      ...(redirectUri !== undefined && { redirect_uri: redirectUri }),
      ...(link.customization !== undefined && { link_customization_name: link.customization }),
    };
  };

  return {
    createLinkToken: ({ userId, webhookUrl, ...shown }, options) =>
      createLinkToken(
        {
          ...shownInLink(shown),
          user: { client_user_id: userId },
          products: [Products.Transactions],
          transactions: { days_requested: daysRequested },
          account_filters: {
            depository: {
              account_subtypes: [DepositoryAccountSubtype.Checking, DepositoryAccountSubtype.Savings],
            },
          },
          webhook: webhookUrl,
        },
        options,
      ),

    // Plaid refuses products and their blocks in update mode, and ignores a webhook there.
    createUpdateLinkToken: ({ userId, accessToken, asksConsent = false, ...shown }, options) =>
      createLinkToken(
        {
          ...shownInLink(shown),
          user: { client_user_id: userId },
          access_token: accessToken,
          update: { account_selection_enabled: true },
          ...(asksConsent && { additional_consented_products: [Products.Transactions] }),
        },
        options,
      ),

    exchangePublicToken: ({ publicToken }, options) =>
      call(
        '/item/public_token/exchange',
        options,
        (send) => api.itemPublicTokenExchange({ public_token: publicToken }, send),
        exchangeOf,
      ),

    getAccounts: ({ accessToken }, options) =>
      call(
        '/accounts/get',
        options,
        (send) => api.accountsGet({ access_token: accessToken }, send),
        accountsOf,
      ),

    getItem: ({ accessToken }, options) =>
      call(
        '/item/get',
        options,
        (send) => api.itemGet({ access_token: accessToken }, send),
        (body) => itemOf(body, 'POST /item/get'),
      ),

    createProcessorToken: async ({ accessToken, accountId }, options) => {
      const processorToken = await call(
        '/processor/token/create',
        options,
        (send) =>
          api.processorTokenCreate(
            {
              access_token: accessToken,
              account_id: accountId,
              processor: ProcessorTokenCreateRequestProcessorEnum.Atomicfi,
            },
            send,
          ),
        (body) => textOf(body.processor_token),
      );
      if (processorPermissions === 'transactions') {
        await call(
          '/processor/token/permissions/set',
          options,
          (send) =>
            api.processorTokenPermissionsSet(
              { processor_token: processorToken, products: [Products.Transactions] },
              send,
            ),
          () => true,
        );
      }
      return { processorToken };
    },

    removeItem: async ({ accessToken }, options) => {
      try {
        await call(
          '/item/remove',
          options,
          (send) => api.itemRemove({ access_token: accessToken }, send),
          () => true,
        );
      } catch (error) {
        if (!(error instanceof ProviderError) || error.failure.failureClass !== 'gone') throw error;
      }
    },

    getWebhookVerificationKey: ({ keyId }, options) =>
      call(
        '/webhook_verification_key/get',
        options,
        (send) => api.webhookVerificationKeyGet({ key_id: keyId }, send),
        verificationKeyOf,
      ),

    createSandboxPublicToken: ({ webhookUrl }, options) =>
      call(
        '/sandbox/public_token/create',
        options,
        (send) =>
          api.sandboxPublicTokenCreate(
            {
              institution_id: SANDBOX_BANK.institution,
              initial_products: [Products.Transactions],
              options: {
                ...(webhookUrl !== undefined && { webhook: webhookUrl }),
                override_username: SANDBOX_BANK.username,
                override_password: SANDBOX_BANK.password,
                transactions: { days_requested: daysRequested },
              },
            },
            send,
          ),
        (body) => {
          const publicToken = textOf(body.public_token);
          return publicToken ? { publicToken } : undefined;
        },
      ),

    fireSandboxWebhook: async ({ accessToken }, options) => {
      await call(
        '/sandbox/item/fire_webhook',
        options,
        (send) =>
          api.sandboxItemFireWebhook(
            {
              access_token: accessToken,
              webhook_type: WebhookType.Item,
              webhook_code: SandboxItemFireWebhookRequestWebhookCodeEnum.NewAccountsAvailable,
            },
            send,
          ),
        () => true,
      );
    },
  };
}

function countryCode(code: string): CountryCode {
  const country = COUNTRIES.find((known) => known === code);
  if (country === undefined) throw new Error(`Plaid does not know the country ${code}`);
  return country;
}
