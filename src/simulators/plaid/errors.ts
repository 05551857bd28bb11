import { type Answer, jsonAnswer } from '../server/answer';

/** Plaid's error codes by `error_type`, as far as the endpoints here or their webhooks can show them. */
const CODES_BY_TYPE = {
  API_ERROR: ['INTERNAL_SERVER_ERROR', 'PLANNED_MAINTENANCE', 'plaid-internal-error'],
  RATE_LIMIT_EXCEEDED: [
    'RATE_LIMIT',
    'ACCOUNTS_LIMIT',
    'ITEM_GET_LIMIT',
    'INSTITUTION_RATE_LIMIT',
    'CREDITS_EXHAUSTED',
    'ADDITION_LIMIT',
  ],
  INSTITUTION_ERROR: [
    'INSTITUTION_DOWN',
    'INSTITUTION_NOT_RESPONDING',
    'INSTITUTION_NOT_AVAILABLE',
    'INSTITUTION_NO_LONGER_SUPPORTED',
    'UNSUPPORTED_RESPONSE',
    'INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT',
    'INSTITUTION_REGISTRATION_REQUIRED',
    'UNAUTHORIZED_INSTITUTION',
  ],
  ITEM_ERROR: [
    'ITEM_LOGIN_REQUIRED',
    'ACCESS_NOT_GRANTED',
    'NO_ACCOUNTS',
    'ITEM_LOCKED',
    'PASSWORD_RESET_REQUIRED',
    'USER_SETUP_REQUIRED',
    'INVALID_CREDENTIALS',
    'INVALID_MFA',
    'INVALID_OTP',
    'INSUFFICIENT_CREDENTIALS',
    'INVALID_SEND_METHOD',
    'USER_INPUT_TIMEOUT',
    'INVALID_UPDATED_USERNAME',
    'ITEM_NOT_SUPPORTED',
    'MFA_NOT_SUPPORTED',
    'PRODUCTS_NOT_SUPPORTED',
    'PRODUCT_NOT_ENABLED',
    'PRODUCT_NOT_READY',
    'ITEM_NOT_FOUND',
    'ITEM_CONCURRENTLY_DELETED',
  ],
  INVALID_INPUT: [
    'INVALID_PUBLIC_TOKEN',
    'INVALID_ACCESS_TOKEN',
    'INVALID_ACCOUNT_ID',
    'ADDITIONAL_CONSENT_REQUIRED',
    'USER_PERMISSION_REVOKED',
    'INVALID_PRODUCT',
    'INVALID_API_KEYS',
    'UNAUTHORIZED_ENVIRONMENT',
    'UNAUTHORIZED_ROUTE_ACCESS',
    'INVALID_LINK_CUSTOMIZATION',
    'INVALID_INSTITUTION',
    'INVALID_PROCESSOR_TOKEN',
    'INVALID_WEBHOOK_VERIFICATION_KEY_ID',
    'INVALID_LINK_TOKEN',
    'DIRECT_INTEGRATION_NOT_ENABLED',
  ],
  INVALID_REQUEST: [
    'MISSING_FIELDS',
    'UNKNOWN_FIELDS',
    'INVALID_FIELD',
    'INVALID_BODY',
    'INVALID_HEADERS',
    'INVALID_CONFIGURATION',
    'INCOMPATIBLE_API_VERSION',
    'NOT_FOUND',
    'NO_LONGER_AVAILABLE',
    'SANDBOX_ONLY',
  ],
  SANDBOX_ERROR: ['SANDBOX_WEBHOOK_INVALID', 'SANDBOX_PRODUCT_NOT_ENABLED'],
} as const;

export type PlaidErrorType = keyof typeof CODES_BY_TYPE;
export type PlaidErrorCode = (typeof CODES_BY_TYPE)[PlaidErrorType][number];

const TYPE_BY_CODE: ReadonlyMap<string, string> = new Map(
  Object.entries(CODES_BY_TYPE).flatMap(([type, codes]) => codes.map((code) => [code, type] as const)),
);

/** Every code that the simulator can answer. */
export const PLAID_ERROR_CODES: readonly PlaidErrorCode[] = Object.values(CODES_BY_TYPE).flat();

export function isPlaidErrorCode(code: string): code is PlaidErrorCode {
  return TYPE_BY_CODE.has(code);
}

/** A refusal on its way to the caller. */
export class PlaidRefusal extends Error {
  readonly code: PlaidErrorCode;

  constructor(code: PlaidErrorCode, message: string) {
    super(message);
    this.name = 'PlaidRefusal';
    this.code = code;
  }
}

const REASONS: Partial<Record<PlaidErrorCode, string>> = {
  ITEM_LOGIN_REQUIRED: 'the user has to sign in again before this item can be refreshed',
  USER_PERMISSION_REVOKED: 'the account holder withdrew permission',
};

/** The fields of an error object that answers, `item.error` and webhooks share. */
export function plaidErrorFields(code: PlaidErrorCode) {
  return {
    error_type: TYPE_BY_CODE.get(code) ?? 'API_ERROR',
    error_code: code,
    error_message: REASONS[code] ?? `simulated: ${code}`,
    display_message: null,
  };
}

/** The HTTP status that Plaid documents for the code: mostly by type, and 400 even for a bank that is down. */
function statusOf(code: PlaidErrorCode): number {
  if (code === 'PLANNED_MAINTENANCE') return 503;
  if (code === 'NOT_FOUND' || code === 'NO_LONGER_AVAILABLE') return 404;
  const type = TYPE_BY_CODE.get(code);
  if (type === 'API_ERROR') return 500;
  return type === 'RATE_LIMIT_EXCEEDED' ? 429 : 400;
}

export function plaidErrorAnswer(code: PlaidErrorCode, requestId: string, message?: string): Answer {
  const fields = plaidErrorFields(code);
  const section = fields.error_type.toLowerCase().replaceAll('_', '-');
  const body = {
    ...fields,
    error_message: message ?? fields.error_message,
    documentation_url: `https://plaid.com/docs/?ref=error#${section}-errors`,
    suggested_action: null,
    request_id: requestId,
  };
  return { ...jsonAnswer(statusOf(code), body), code };
}
