import type { FailureClass } from '../../src/contract/failures';
import { classifyPlaidError } from '../../src/providers/plaid/error-class';

/** Plaid's pages on errors, written down a second time: type, code, HTTP status, what can be done. */
const DOCUMENTED: readonly [type: string, code: string, status: number, expected: FailureClass][] = [
  ['API_ERROR', 'INTERNAL_SERVER_ERROR', 500, 'transient'],
  ['API_ERROR', 'plaid-internal-error', 500, 'transient'],
  ['API_ERROR', 'PLANNED_MAINTENANCE', 503, 'bank_down'],
  ['RATE_LIMIT_EXCEEDED', 'RATE_LIMIT', 429, 'rate_limited'],
  ['RATE_LIMIT_EXCEEDED', 'ACCOUNTS_LIMIT', 429, 'rate_limited'],
  ['RATE_LIMIT_EXCEEDED', 'ITEM_GET_LIMIT', 429, 'rate_limited'],
  ['RATE_LIMIT_EXCEEDED', 'INSTITUTION_RATE_LIMIT', 429, 'rate_limited'],
  ['RATE_LIMIT_EXCEEDED', 'CREDITS_EXHAUSTED', 429, 'configuration'],
  ['RATE_LIMIT_EXCEEDED', 'ADDITION_LIMIT', 429, 'configuration'],
  ['INSTITUTION_ERROR', 'INSTITUTION_DOWN', 400, 'bank_down'],
  ['INSTITUTION_ERROR', 'INSTITUTION_NOT_RESPONDING', 400, 'bank_down'],
  ['INSTITUTION_ERROR', 'INSTITUTION_NOT_AVAILABLE', 400, 'bank_down'],
  ['INSTITUTION_ERROR', 'INSTITUTION_NO_LONGER_SUPPORTED', 400, 'bank_unsupported'],
  ['INSTITUTION_ERROR', 'UNSUPPORTED_RESPONSE', 400, 'configuration'],
  ['INSTITUTION_ERROR', 'INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT', 400, 'configuration'],
  ['INSTITUTION_ERROR', 'INSTITUTION_REGISTRATION_REQUIRED', 400, 'configuration'],
  ['INSTITUTION_ERROR', 'UNAUTHORIZED_INSTITUTION', 400, 'configuration'],
  ['ITEM_ERROR', 'ITEM_LOGIN_REQUIRED', 400, 'user_repair'],
  ['ITEM_ERROR', 'ACCESS_NOT_GRANTED', 400, 'user_repair'],
  ['ITEM_ERROR', 'NO_ACCOUNTS', 400, 'user_repair'],
  ['ITEM_ERROR', 'ITEM_LOCKED', 400, 'user_repair'],
  ['ITEM_ERROR', 'PASSWORD_RESET_REQUIRED', 400, 'user_repair'],
  ['ITEM_ERROR', 'USER_SETUP_REQUIRED', 400, 'user_repair'],
  ['ITEM_ERROR', 'INVALID_CREDENTIALS', 400, 'user_repair'],
  ['ITEM_ERROR', 'INVALID_MFA', 400, 'user_repair'],
  ['ITEM_ERROR', 'INVALID_OTP', 400, 'user_repair'],
  ['ITEM_ERROR', 'INSUFFICIENT_CREDENTIALS', 400, 'user_repair'],
  ['ITEM_ERROR', 'INVALID_SEND_METHOD', 400, 'user_repair'],
  ['ITEM_ERROR', 'USER_INPUT_TIMEOUT', 400, 'user_repair'],
  ['ITEM_ERROR', 'INVALID_UPDATED_USERNAME', 400, 'user_relink'],
  ['ITEM_ERROR', 'ITEM_NOT_SUPPORTED', 400, 'bank_unsupported'],
  ['ITEM_ERROR', 'MFA_NOT_SUPPORTED', 400, 'bank_unsupported'],
  ['ITEM_ERROR', 'PRODUCTS_NOT_SUPPORTED', 400, 'bank_unsupported'],
  ['ITEM_ERROR', 'PRODUCT_NOT_ENABLED', 400, 'bank_unsupported'],
  ['ITEM_ERROR', 'PRODUCT_NOT_READY', 400, 'transient'],
  ['ITEM_ERROR', 'ITEM_NOT_FOUND', 400, 'gone'],
  ['ITEM_ERROR', 'ITEM_CONCURRENTLY_DELETED', 400, 'gone'],
  ['INVALID_INPUT', 'INVALID_PUBLIC_TOKEN', 400, 'user_relink'],
  ['INVALID_INPUT', 'INVALID_ACCESS_TOKEN', 400, 'gone'],
  ['INVALID_INPUT', 'INVALID_ACCOUNT_ID', 400, 'user_repair'],
  ['INVALID_INPUT', 'ADDITIONAL_CONSENT_REQUIRED', 400, 'user_repair'],
  ['INVALID_INPUT', 'USER_PERMISSION_REVOKED', 400, 'user_relink'],
  ['ITEM_ERROR', 'USER_PERMISSION_REVOKED', 400, 'user_relink'],
  ['INVALID_INPUT', 'INVALID_PRODUCT', 400, 'configuration'],
  ['INVALID_INPUT', 'INVALID_API_KEYS', 400, 'configuration'],
  ['INVALID_INPUT', 'UNAUTHORIZED_ENVIRONMENT', 400, 'configuration'],
  ['INVALID_INPUT', 'UNAUTHORIZED_ROUTE_ACCESS', 400, 'configuration'],
  ['INVALID_INPUT', 'INVALID_LINK_CUSTOMIZATION', 400, 'configuration'],
  ['INVALID_INPUT', 'INVALID_INSTITUTION', 400, 'rejected'],
  ['INVALID_INPUT', 'INVALID_PROCESSOR_TOKEN', 400, 'rejected'],
  ['INVALID_INPUT', 'INVALID_WEBHOOK_VERIFICATION_KEY_ID', 400, 'not_found'],
  ['INVALID_INPUT', 'INVALID_LINK_TOKEN', 400, 'user_relink'],
  ['INVALID_INPUT', 'DIRECT_INTEGRATION_NOT_ENABLED', 400, 'rejected'],
  ['INVALID_REQUEST', 'MISSING_FIELDS', 400, 'rejected'],
  ['INVALID_REQUEST', 'UNKNOWN_FIELDS', 400, 'rejected'],
  ['INVALID_REQUEST', 'INVALID_FIELD', 400, 'rejected'],
  ['INVALID_REQUEST', 'INVALID_BODY', 400, 'rejected'],
  ['INVALID_REQUEST', 'INVALID_HEADERS', 400, 'rejected'],
  ['INVALID_REQUEST', 'INVALID_CONFIGURATION', 400, 'rejected'],
  ['INVALID_REQUEST', 'INCOMPATIBLE_API_VERSION', 400, 'rejected'],
  ['INVALID_REQUEST', 'NOT_FOUND', 404, 'rejected'],
  ['INVALID_REQUEST', 'NO_LONGER_AVAILABLE', 404, 'rejected'],
  ['INVALID_REQUEST', 'SANDBOX_ONLY', 400, 'configuration'],
  ['SANDBOX_ERROR', 'SANDBOX_WEBHOOK_INVALID', 400, 'rejected'],
  ['SANDBOX_ERROR', 'SANDBOX_PRODUCT_NOT_ENABLED', 400, 'rejected'],
];

const operation = 'POST /processor/token/create';

describe('classifyPlaidError', () => {
  it.each(DOCUMENTED)('classifies %s %s (%i) as %s', (errorType, errorCode, status, expected) => {
    expect(classifyPlaidError({ status, errorType, errorCode, operation })).toBe(expected);
  });

  it.each(DOCUMENTED)('goes by the code alone for %s %s', (_type, errorCode, _status, expected) => {
    for (const status of [undefined, 200, 400, 429, 500]) {
      expect(classifyPlaidError({ status, errorType: 'API_ERROR', errorCode, operation })).toBe(expected);
      expect(classifyPlaidError({ status, errorCode, operation })).toBe(expected);
    }
  });

  it.each([
    ['API_ERROR', 'transient'],
    ['RATE_LIMIT_EXCEEDED', 'rate_limited'],
    ['INSTITUTION_ERROR', 'bank_down'],
    ['ITEM_ERROR', 'user_repair'],
    ['INVALID_INPUT', 'rejected'],
    ['INVALID_REQUEST', 'rejected'],
    ['SANDBOX_ERROR', 'rejected'],
  ])('classifies an unknown code of type %s as %s, whatever its status', (errorType, expected) => {
    for (const status of [undefined, 400, 429, 500]) {
      expect(classifyPlaidError({ status, errorType, errorCode: 'BRAND_NEW_CODE', operation })).toBe(
        expected,
      );
    }
  });

  it.each([
    [undefined, 'transient'],
    [500, 'transient'],
    [502, 'transient'],
    [599, 'transient'],
    [408, 'transient'],
    [425, 'transient'],
    [429, 'rate_limited'],
    [400, 'rejected'],
    [404, 'rejected'],
    [418, 'rejected'],
    [302, 'rejected'],
  ])('goes by status %s when code and type are unknown', (status, expected) => {
    expect(classifyPlaidError({ status, operation })).toBe(expected);
    expect(
      classifyPlaidError({ status, errorType: 'BRAND_NEW_TYPE', errorCode: 'BRAND_NEW_CODE', operation }),
    ).toBe(expected);
    expect(classifyPlaidError({ status, errorType: '__proto__', errorCode: 'constructor', operation })).toBe(
      expected,
    );
  });

  it('takes a malformed key id of a webhook for an unknown one, not for a bug', () => {
    const malformed = { status: 400, errorType: 'INVALID_REQUEST', errorCode: 'INVALID_FIELD' };
    expect(classifyPlaidError({ ...malformed, operation: 'POST /webhook_verification_key/get' })).toBe(
      'not_found',
    );
  });
});
