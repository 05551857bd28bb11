import type { FailureClass } from '../../contract/failures';
import { SIGN_IN_ERROR_CODES } from '../../contract/plaid';

/** What is known of a failed call to Plaid; `operation` is method and path, `POST /accounts/get`. */
export interface PlaidErrorFacts {
  /** HTTP status; left out when no answer came, and for an error inside a 200 or a webhook. */
  status?: number | undefined;
  errorType?: string | undefined;
  errorCode?: string | undefined;
  operation: string;
}

/**
 * Every documented code that the endpoints used here, or Link on the way to them, can answer with
 * (plaid.com/docs/errors). The HTTP status cannot stand in for it: a bank that is down is a 400, and a quota
 * that is used up for good is a 429.
 */
const CODES_OF_CLASS: Readonly<Partial<Record<FailureClass, readonly string[]>>> = {
  transient: ['INTERNAL_SERVER_ERROR', 'plaid-internal-error', 'PRODUCT_NOT_READY'],
  rate_limited: ['RATE_LIMIT', 'ACCOUNTS_LIMIT', 'ITEM_GET_LIMIT', 'INSTITUTION_RATE_LIMIT'],
  bank_down: [
    // Plaid's own maintenance, and yet of hours: it takes the slow backoff.
    'PLANNED_MAINTENANCE',
    'INSTITUTION_DOWN',
    'INSTITUTION_NOT_RESPONDING',
    'INSTITUTION_NOT_AVAILABLE',
  ],
  user_repair: SIGN_IN_ERROR_CODES,
  user_relink: [
    'INVALID_PUBLIC_TOKEN',
    'INVALID_LINK_TOKEN',
    'INVALID_UPDATED_USERNAME',
    'USER_PERMISSION_REVOKED',
  ],
  bank_unsupported: [
    'INSTITUTION_NO_LONGER_SUPPORTED',
    'ITEM_NOT_SUPPORTED',
    'MFA_NOT_SUPPORTED',
    'PRODUCTS_NOT_SUPPORTED',
    'PRODUCT_NOT_ENABLED',
  ],
  gone: ['ITEM_NOT_FOUND', 'ITEM_CONCURRENTLY_DELETED', 'INVALID_ACCESS_TOKEN'],
  not_found: ['INVALID_WEBHOOK_VERIFICATION_KEY_ID'],
  configuration: [
    'CREDITS_EXHAUSTED',
    // The name of CREDITS_EXHAUSTED in older documentation.
    'ADDITION_LIMIT',
    'UNSUPPORTED_RESPONSE',
    'INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT',
    'INSTITUTION_REGISTRATION_REQUIRED',
    'UNAUTHORIZED_INSTITUTION',
    'INVALID_PRODUCT',
    'INVALID_API_KEYS',
    'UNAUTHORIZED_ENVIRONMENT',
    'UNAUTHORIZED_ROUTE_ACCESS',
    'INVALID_LINK_CUSTOMIZATION',
    'SANDBOX_ONLY',
  ],
  rejected: [
    'INVALID_INSTITUTION',
    'INVALID_PROCESSOR_TOKEN',
    'DIRECT_INTEGRATION_NOT_ENABLED',
    'MISSING_FIELDS',
    'UNKNOWN_FIELDS',
    'INVALID_FIELD',
    'INVALID_BODY',
    'INVALID_HEADERS',
    'INVALID_CONFIGURATION',
    'INCOMPATIBLE_API_VERSION',
    'NOT_FOUND',
    'NO_LONGER_AVAILABLE',
    'SANDBOX_WEBHOOK_INVALID',
    'SANDBOX_PRODUCT_NOT_ENABLED',
  ],
};

/** For codes that Plaid adds later. An unknown fault of an Item is most often one that the user can mend. */
const CLASS_OF_TYPE: ReadonlyMap<string, FailureClass> = new Map([
  ['API_ERROR', 'transient'],
  ['RATE_LIMIT_EXCEEDED', 'rate_limited'],
  ['INSTITUTION_ERROR', 'bank_down'],
  ['ITEM_ERROR', 'user_repair'],
  ['INVALID_INPUT', 'rejected'],
  ['INVALID_REQUEST', 'rejected'],
  ['SANDBOX_ERROR', 'rejected'],
]);

/** Where the same code means something else. */
const CLASS_AT_OPERATION: ReadonlyMap<string, FailureClass> = new Map([
  // The key id is the word of whoever sent the webhook: one of the wrong shape is a forgery, not our bug.
  ['POST /webhook_verification_key/get INVALID_FIELD', 'not_found'],
]);

const CLASS_OF_CODE: ReadonlyMap<string, FailureClass> = byCode();

function byCode(): Map<string, FailureClass> {
  const classes = new Map<string, FailureClass>();
  let failureClass: FailureClass;
  for (failureClass in CODES_OF_CLASS) {
    for (const code of CODES_OF_CLASS[failureClass] ?? []) classes.set(code, failureClass);
  }
  return classes;
}

/** What can be done about a failure at Plaid: by `error_code`, then `error_type`, then HTTP status. */
export function classifyPlaidError({
  status,
  errorType = '',
  errorCode = '',
  operation,
}: PlaidErrorFacts): FailureClass {
  return (
    CLASS_AT_OPERATION.get(`${operation} ${errorCode}`) ??
    CLASS_OF_CODE.get(errorCode) ??
    CLASS_OF_TYPE.get(errorType) ??
    classOfStatus(status)
  );
}

function classOfStatus(status: number | undefined): FailureClass {
  if (status === undefined || status >= 500 || status === 408 || status === 425) return 'transient';
  return status === 429 ? 'rate_limited' : 'rejected';
}
