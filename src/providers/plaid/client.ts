import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import {
  Configuration,
  CountryCode,
  type LinkTokenCreateRequest,
  PlaidApi,
  ProcessorTokenCreateRequestProcessorEnum,
  Products,
} from 'plaid';
import { credentialHeader } from '../credential-header';
import { startDeadline } from '../deadline';
import { isRecord } from '../is-record';
import { noAnswer } from '../no-answer';
import { ProviderError } from '../provider-error';
import { providerRequestId, requestIdHeader } from '../request-id';
import { parseRetryAfterMs } from '../retry-after';
import type { CallOptions, Plaid } from '../types';
import {
  accountsOf,
  type Body,
  exchangeOf,
  itemOf,
  linkTokenOf,
  safeErrorCode,
  textOf,
  verificationKeyOf,
} from './answers';
import { classifyPlaidError } from './error-class';

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
  /** The application's name as Link shows it: at most 30 characters, else Link says "This Application". */
  clientName?: string;
}

/** Transactions history that is asked for. Plaid fixes it for ever once the product is on the Item. */
const DAYS_REQUESTED = 180;

const SANDBOX_BANK = {
  institution: 'ins_109508',
  username: 'user_good',
  password: 'pass_good',
} as const;

/** Answers of these endpoints are a few kilobytes; one far larger does not come from Plaid. */
const ANSWER_MAX_BYTES = 2_000_000;

/** Shorter than load balancers usually keep an idle connection, so that a call seldom meets a closed one. */
const IDLE_CONNECTION_TIMEOUT_MS = 30_000;

/** Documented as 15 letters and digits. A token would have hyphens in it, so none can pass for one. */
const REQUEST_ID = /^[A-Za-z0-9]{1,20}$/;

interface Answer {
  status: number;
  headers: unknown;
  data: unknown;
}

interface SendOptions {
  signal: AbortSignal;
  headers: Record<string, string>;
}

/**
 * Plaid over its own client. A call makes one attempt within `timeoutMs` and throws {@link ProviderError}
 * alone, classified by `error_code`; when the caller's signal aborts it, the signal's reason is thrown as it
 * is. Redirects are not followed and proxies of the environment are not used: both would carry the secret and
 * bank tokens elsewhere.
 */
export function createPlaid(settings: PlaidSettings): Plaid {
  const { timeoutMs = 15_000, clientName = 'This Application' } = settings;
  const agentOptions = { keepAlive: true, timeout: IDLE_CONNECTION_TIMEOUT_MS };
  const api = new PlaidApi(
    new Configuration({
      basePath: settings.baseUrl.replace(/\/+$/, ''),
      baseOptions: {
        headers: {
          'PLAID-CLIENT-ID': credentialHeader('Plaid client id', settings.clientId),
          'PLAID-SECRET': credentialHeader('Plaid secret', settings.secret),
        },
        httpAgent: new HttpAgent(agentOptions),
        httpsAgent: new HttpsAgent(agentOptions),
        proxy: false,
        maxRedirects: 0,
        maxContentLength: ANSWER_MAX_BYTES,
        // Every answer is then read here, and an AxiosError, which holds the secret, means that none came.
        validateStatus: () => true,
      },
    }),
  );

  async function call<T>(
    path: string,
    options: CallOptions | undefined,
    send: (sendOptions: SendOptions) => Promise<Answer>,
    read: (body: Body) => T | undefined,
  ): Promise<T> {
    const operation = `POST ${path}`;
    const deadline = startDeadline(timeoutMs, options?.signal);
    let answer: Answer;
    try {
      answer = await send({ signal: deadline.signal, headers: requestIdHeader(options) });
    } catch (error) {
      throw isOverCap(error)
        ? unreadable(operation, 'TOO_LARGE', undefined, undefined)
        : noAnswer({ provider: 'plaid', operation }, deadline, error);
    } finally {
      deadline.end();
    }
    const { status, headers, data } = answer;
    if (status < 200 || status > 299) throw refused(operation, status, headers, data);
    if (!isRecord(data)) throw unreadable(operation, 'NOT_JSON', status, undefined);
    const value = read(data);
    if (value === undefined) throw unreadable(operation, 'UNEXPECTED_BODY', status, data.request_id);
    return value;
  }

  const createLinkToken = (request: LinkTokenCreateRequest, options: CallOptions | undefined) =>
    call('/link/token/create', options, (send) => api.linkTokenCreate(request, send), linkTokenOf);

  const shownInLink = { client_name: clientName, language: 'en', country_codes: [CountryCode.Us] };

  return {
    createLinkToken: ({ userId, webhookUrl }, options) =>
      createLinkToken(
        {
          ...shownInLink,
          user: { client_user_id: userId },
          products: [Products.Transactions],
          transactions: { days_requested: DAYS_REQUESTED },
          webhook: webhookUrl,
        },
        options,
      ),

    // Plaid refuses products and their blocks in update mode, and ignores a webhook there.
    createUpdateLinkToken: ({ userId, accessToken }, options) =>
      createLinkToken(
        {
          ...shownInLink,
          user: { client_user_id: userId },
          access_token: accessToken,
          update: { account_selection_enabled: true },
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

    createProcessorToken: ({ accessToken, accountId }, options) =>
      call(
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
        (body) => {
          const processorToken = textOf(body.processor_token);
          return processorToken ? { processorToken } : undefined;
        },
      ),

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
                transactions: { days_requested: DAYS_REQUESTED },
              },
            },
            send,
          ),
        (body) => {
          const publicToken = textOf(body.public_token);
          return publicToken ? { publicToken } : undefined;
        },
      ),
  };
}

/** An answer other than 2xx, Plaid's error object or a gateway's page, cut down to what is safe to keep. */
function refused(operation: string, status: number, headers: unknown, data: unknown): ProviderError {
  const body = isRecord(data) ? data : {};
  const errorCode = safeErrorCode(body.error_code);
  const retryAfter = isRecord(headers) ? textOf(headers['retry-after']) : undefined;
  const retryAfterMs =
    status === 429 || status === 503 ? parseRetryAfterMs(retryAfter, Date.now()) : undefined;
  return new ProviderError({
    provider: 'plaid',
    operation,
    failureClass: classifyPlaidError({ status, errorCode, errorType: textOf(body.error_type), operation }),
    code: errorCode ?? `HTTP_${status}`,
    status,
    ...providerRequestId(body.request_id, REQUEST_ID),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ambiguous: status >= 500,
  });
}

/** An answer that is no proper one: the call may well have taken effect, and asking again may tell. */
function unreadable(
  operation: string,
  code: 'NOT_JSON' | 'UNEXPECTED_BODY' | 'TOO_LARGE',
  status: number | undefined,
  requestId: unknown,
): ProviderError {
  return new ProviderError({
    provider: 'plaid',
    operation,
    failureClass: 'transient',
    code,
    ...(status !== undefined && { status }),
    ...providerRequestId(requestId, REQUEST_ID),
    ambiguous: true,
  });
}

/** axios has no error code of its own for an answer over `maxContentLength`. */
function isOverCap(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('maxContentLength');
}
