/** What is set of Plaid and Atomic: credentials, and how each is used. */
import type { z } from 'zod';
import { LINK_LANGUAGES, PLAID_ENVIRONMENTS, type PlaidEnvironment } from '../contract/plaid';
import {
  ATOMIC_BASE_URLS,
  type AtomicContractOverride,
  isResultPath,
  USER_PLACES,
} from '../providers/atomic/contract';
import { PLAID_BASE_URLS } from '../providers/plaid/client';
import { allOrNone, group, optional, required, withDefault } from './parts';
import { confidentialUrl, integer, list, matching, oneOf } from './rules';
import { secret } from './secret-rules';

const environment = oneOf(PLAID_ENVIRONMENTS);
const webUrl = matching(/^https?:\/\/[\x21-\x7e]+$/, 'a URL');
const upTo30 = matching(/^[\x20-\x7e]{1,30}$/, 'at most 30 printable characters');
const upTo100 = matching(/^[\x20-\x7e]{1,100}$/, 'at most 100 printable characters');
const countries = list(matching(/^[A-Z]{2}$/, 'a country as two capital letters'));
const fieldName = matching(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'a field name of letters, digits and _');
const absolutePath = matching(/^\/[\x21-\x7e]*$/, 'a path that begins with /');

const apiSecret = ['ATOMIC_API_SECRET', secret(), 'c0a8b1d2-3e4f-4a5b-8c6d-7e8f9a0b1c2d'] as const;
const plaidKeys = {
  clientId: required('PLAID_CLIENT_ID', secret(), '5f0c6a2b9d1e4a7c8b3d2e1f'),
  secret: required('PLAID_SECRET', secret(), '0123456789abcdef01234567890abc'),
};
const atomicKeys = {
  apiKey: required('ATOMIC_API_KEY', secret(), '6d2c8f8e-1f0a-4b6e-9c55-1f2f8a0c7b11'),
  apiSecret: required(...apiSecret),
};

/**
 * Of one provider. Both have to be in the same environment: Items of Plaid's Sandbox mean nothing to Atomic's production.
 * `unset` is where Atomic is while ATOMIC_ENV is not set; left out, it is where Plaid is.
 */
function baseUrl(name: string, urls: Readonly<Record<PlaidEnvironment, string>>, unset?: PlaidEnvironment) {
  return group({
    url: optional(name, confidentialUrl, urls.sandbox),
    plaid: withDefault('PLAID_ENV', environment, 'sandbox'),
    atomic: optional('ATOMIC_ENV', environment, 'sandbox'),
  })
    .refine(({ plaid, atomic = unset ?? plaid }) => plaid === atomic, {
      path: ['PLAID_ENV'],
      error: 'and ATOMIC_ENV must name the same environment, sandbox or production',
    })
    .transform(({ url, plaid }) => url ?? urls[plaid]);
}

export const plaidUse = {
  environment: withDefault('PLAID_ENV', environment, 'sandbox'),
  baseUrl: baseUrl('PLAID_BASE_URL', PLAID_BASE_URLS),
  link: group({
    /** Undefined: Link says "This Application". */
    clientName: optional('PLAID_CLIENT_NAME', upTo30, 'Example Payroll'),
    redirectUri: optional('PLAID_REDIRECT_URI', webUrl, 'https://app.example.com/bank'),
    countryCodes: withDefault('PLAID_COUNTRY_CODES', countries, 'US'),
    language: withDefault('PLAID_LANGUAGE', oneOf(LINK_LANGUAGES), 'en'),
    daysRequested: withDefault('PLAID_DAYS_REQUESTED', integer(1, 730), '180'),
    customization: optional('PLAID_LINK_CUSTOMIZATION', upTo100, 'default'),
  }),
  /** Undefined: what Plaid grants a processor by default. */
  processorPermissions: optional('PLAID_PROCESSOR_PERMISSIONS', oneOf(['transactions']), 'transactions'),
};

const resultsUserIn = optional('ATOMIC_RESULTS_BY', oneOf(USER_PLACES), 'path');

/** Without the user in its path, every user would be given the same result. */
function resultPath(name: string, example: string) {
  return group({ path: optional(name, absolutePath, example), resultsUserIn })
    .refine(({ path, resultsUserIn }) => path === undefined || isResultPath(path, resultsUserIn), {
      path: [name],
      error: 'must hold {identifier} where ATOMIC_RESULTS_BY is path, and only there',
    })
    .transform(({ path }) => path);
}

const atomicUse = {
  baseUrl: baseUrl('ATOMIC_BASE_URL', ATOMIC_BASE_URLS, 'sandbox'),
  contract: group({
    tokenField: optional('ATOMIC_TOKEN_FIELD', fieldName, 'processorToken'),
    userField: optional('ATOMIC_USER_FIELD', fieldName, 'identifier'),
    deleteUserIn: optional('ATOMIC_DELETE_BY', oneOf(USER_PLACES), 'body'),
    resultsUserIn,
    resultPaths: group({
      'employer-classification': resultPath('ATOMIC_EMPLOYER_MATCHES_PATH', '/employer-matches/{identifier}'),
      'recurrence-detection': resultPath(
        'ATOMIC_RECURRING_TRANSACTIONS_PATH',
        '/recurring-financial-transactions/{identifier}',
      ),
    }),
  }).transform((contract): AtomicContractOverride => contract),
};

export const plaid = group({ ...plaidKeys, ...plaidUse });
export const atomic = group({ ...atomicKeys, ...atomicUse });

/** For processes that do without a provider, outside of production or also there. */
export function providersIfGiven({ inProduction = false } = {}) {
  return {
    plaid: ifGiven(plaidKeys, plaidUse, inProduction),
    atomic: ifGiven(atomicKeys, atomicUse, inProduction),
  };
}

function ifGiven<K extends z.ZodRawShape, U extends z.ZodRawShape>(keys: K, use: U, inProduction: boolean) {
  const parts = group({ keys: allOrNone(keys, { inProduction }), use: group(use) });
  return parts.transform(({ keys, use }) => keys && { ...keys, ...use });
}

/** The API secret signs webhooks, unless Atomic's Console says otherwise. Empty where nothing is set. */
export const webhookSecrets = group({
  given: optional('ATOMIC_WEBHOOK_SECRETS', list(secret()), 'new-secret,old-secret'),
  apiSecret: optional(...apiSecret),
}).transform(({ given, apiSecret }) => given ?? (apiSecret ? [apiSecret] : []));
