/** What is set of Plaid and Atomic: credentials, in the way that a process asks for them, and how each is used. */
import { LINK_LANGUAGES, PLAID_ENVIRONMENTS, type PlaidEnvironment } from '../contract/plaid';
import {
  ATOMIC_BASE_URLS,
  type AtomicContractOverride,
  isResultPath,
  USER_PLACES,
} from '../providers/atomic/contract';
import { PLAID_BASE_URLS } from '../providers/plaid/client';
import { httpUrl, list, matching, oneOf, type Rule, wholeNumber, words } from './rules';
import type { Secret } from './secret';
import { secret } from './secret-rules';
import {
  allOrNone,
  from,
  optional,
  type Part,
  type Tree,
  type WRONG,
  type Wrong,
  withDefault,
} from './variable';

/** Of webhook secrets in production. */
const LEAST_SECRET_LENGTH = 16;
const environment = oneOf(PLAID_ENVIRONMENTS);
const fieldName = matching(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'a field name of letters, digits and _');
const resultPath = matching(/^\/[\x21-\x7e]*$/, 'a path that begins with /');
// It signs webhooks too, unless Atomic's Console says otherwise.
const atomicApiSecret = secret(1, LEAST_SECRET_LENGTH);

/** Plain HTTP is for this machine alone: credentials go there. */
export const providerUrl = httpUrl({ confidential: true });

/** `required`, `optional` or `requiredInProduction`. */
type Way<T> = (name: string, rule: Rule<Secret>, example: string) => Part<T>;

export function plaidKeys<T>(way: Way<T>) {
  return {
    clientId: way('PLAID_CLIENT_ID', secret(), '5f0c6a2b9d1e4a7c8b3d2e1f'),
    secret: way('PLAID_SECRET', secret(), '0123456789abcdef01234567890abc'),
  };
}

export function atomicKeys<T>(way: Way<T>) {
  return {
    apiKey: way('ATOMIC_API_KEY', secret(), '6d2c8f8e-1f0a-4b6e-9c55-1f2f8a0c7b11'),
    apiSecret: way('ATOMIC_API_SECRET', atomicApiSecret, 'c0a8b1d2-3e4f-4a5b-8c6d-7e8f9a0b1c2d'),
  };
}

/** A provider without whose credentials a process does: all of it, or undefined. */
export function ifGiven<K extends Record<string, Part<unknown>>, U extends Tree>(keys: K, use: U) {
  return from({ keys: allOrNone(keys), use }, (values) => values.keys && { ...values.keys, ...values.use });
}

/**
 * Of one provider. Both have to be in the same environment: Items of Plaid's Sandbox mean nothing to Atomic's production.
 * `unset` is where Atomic is while ATOMIC_ENV is not set; left out, it is where Plaid is.
 */
function baseUrl(
  name: string,
  urls: Readonly<Record<PlaidEnvironment, string>>,
  unset?: PlaidEnvironment,
): Part<string> {
  const variables = {
    url: optional(name, providerUrl, urls.sandbox),
    plaid: withDefault('PLAID_ENV', environment, 'sandbox'),
    atomic: optional('ATOMIC_ENV', environment, 'sandbox'),
  };
  return from(variables, ({ url, plaid, atomic = unset ?? plaid }, wrong) =>
    plaid === atomic
      ? (url ?? urls[plaid])
      : wrong('PLAID_ENV', 'and ATOMIC_ENV must name the same environment, sandbox or production'),
  );
}

export const plaidUse = {
  environment: withDefault('PLAID_ENV', environment, 'sandbox'),
  baseUrl: baseUrl('PLAID_BASE_URL', PLAID_BASE_URLS),
  link: {
    /** Undefined: Link says "This Application". */
    clientName: optional('PLAID_CLIENT_NAME', words(30), 'Example Payroll'),
    redirectUri: optional(
      'PLAID_REDIRECT_URI',
      matching(/^https?:\/\/[\x21-\x7e]+$/, 'a URL'),
      'https://app.example.com/bank',
    ),
    countryCodes: withDefault(
      'PLAID_COUNTRY_CODES',
      list(matching(/^[A-Z]{2}$/, 'a country as two capital letters')),
      'US',
    ),
    language: withDefault('PLAID_LANGUAGE', oneOf(LINK_LANGUAGES), 'en'),
    daysRequested: withDefault('PLAID_DAYS_REQUESTED', wholeNumber(1, 730), '180'),
    customization: optional('PLAID_LINK_CUSTOMIZATION', words(100), 'default'),
  },
  /** Undefined: what Plaid grants a processor by default. */
  processorPermissions: optional('PLAID_PROCESSOR_PERMISSIONS', oneOf(['transactions']), 'transactions'),
};

export const atomicUse = {
  baseUrl: baseUrl('ATOMIC_BASE_URL', ATOMIC_BASE_URLS, 'sandbox'),
  contract: from(
    {
      tokenField: optional('ATOMIC_TOKEN_FIELD', fieldName, 'processorToken'),
      userField: optional('ATOMIC_USER_FIELD', fieldName, 'identifier'),
      deleteUserIn: optional('ATOMIC_DELETE_BY', oneOf(USER_PLACES), 'body'),
      resultsUserIn: optional('ATOMIC_RESULTS_BY', oneOf(USER_PLACES), 'path'),
      resultPaths: {
        'employer-classification': optional(
          'ATOMIC_EMPLOYER_MATCHES_PATH',
          resultPath,
          '/employer-matches/{identifier}',
        ),
        'recurrence-detection': optional(
          'ATOMIC_RECURRING_TRANSACTIONS_PATH',
          resultPath,
          '/recurring-financial-transactions/{identifier}',
        ),
      },
    },
    (contract, wrong): AtomicContractOverride | typeof WRONG => {
      const { resultsUserIn, resultPaths } = contract;
      const isWrong = (path: string | undefined) => path !== undefined && !isResultPath(path, resultsUserIn);
      // Without the user in its path, a result would be everybody's.
      const what = 'must hold {identifier} where ATOMIC_RESULTS_BY is path, and only there';
      const { 'employer-classification': employer, 'recurrence-detection': recurring } = resultPaths;
      if (isWrong(employer)) return wrong('ATOMIC_EMPLOYER_MATCHES_PATH', what);
      return isWrong(recurring) ? wrong('ATOMIC_RECURRING_TRANSACTIONS_PATH', what) : contract;
    },
  ),
};

/** `none` says what it means that there is neither a webhook secret nor an API secret. */
export function webhookSecretsOr(none: (wrong: Wrong) => readonly Secret[] | typeof WRONG) {
  const given = optional('ATOMIC_WEBHOOK_SECRETS', list(atomicApiSecret), 'new-secret,old-secret');
  return from(
    { given, apiSecret: atomicKeys(optional).apiSecret },
    ({ given, apiSecret }, wrong) => given ?? (apiSecret ? [apiSecret] : none(wrong)),
  );
}
