/** What is set of Plaid and Atomic: credentials, and how each is used. */
import type { Job } from '../contract/jobs';
import { LINK_LANGUAGES, PLAID_ENVIRONMENTS, type PlaidEnvironment } from '../contract/plaid';
import * as contract from '../providers/atomic/contract';
import { PLAID_BASE_URLS } from '../providers/plaid/client';
import { confidentialUrl, integer, list, matching, oneOf, secret } from './rules';
import { allOrNone, env, group } from './schema';

const webUrl = matching(/^https?:\/\/[\x21-\x7e]+$/, 'a URL');
const upTo30 = matching(/^[\x20-\x7e]{1,30}$/, 'at most 30 printable characters');
const upTo100 = matching(/^[\x20-\x7e]{1,100}$/, 'at most 100 printable characters');
const country = matching(/^[A-Z]{2}$/, 'a country as two capital letters');
const permissions = oneOf(['transactions']);
const fieldName = matching(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'a field name of letters, digits and _');
const absolutePath = matching(/^\/[\x21-\x7e]*$/, 'a path that begins with /');

export const plaidEnvironment = env('PLAID_ENV', oneOf(PLAID_ENVIRONMENTS).prefault('sandbox'));
const atomicEnvironment = env('ATOMIC_ENV', oneOf(PLAID_ENVIRONMENTS).optional(), 'sandbox');

/**
 * Of one provider. Both have to be in the same environment: Items of Plaid's Sandbox mean nothing to Atomic's production.
 * `unset` is where Atomic is while ATOMIC_ENV is not set; left out, it is where Plaid is.
 */
function baseUrl(name: string, urls: Readonly<Record<PlaidEnvironment, string>>, unset?: PlaidEnvironment) {
  const url = env(name, confidentialUrl.optional(), urls.sandbox);
  return group({ url, plaid: plaidEnvironment, atomic: atomicEnvironment })
    .refine(({ plaid, atomic = unset ?? plaid }) => plaid === atomic, {
      path: ['PLAID_ENV'],
      error: 'and ATOMIC_ENV must name the same environment, sandbox or production',
    })
    .transform(({ url, plaid }) => url ?? urls[plaid]);
}

export const plaid = {
  clientId: env('PLAID_CLIENT_ID', secret(), '5f0c6a2b9d1e4a7c8b3d2e1f'),
  secret: env('PLAID_SECRET', secret(), '0123456789abcdef01234567890abc'),
  environment: plaidEnvironment,
  baseUrl: baseUrl('PLAID_BASE_URL', PLAID_BASE_URLS),
  link: group({
    /** Undefined: Link says "This Application". */
    clientName: env('PLAID_CLIENT_NAME', upTo30.optional(), 'Example Payroll'),
    redirectUri: env('PLAID_REDIRECT_URI', webUrl.optional(), 'https://app.example.com/bank'),
    countryCodes: env('PLAID_COUNTRY_CODES', list(country).prefault('US')),
    language: env('PLAID_LANGUAGE', oneOf(LINK_LANGUAGES).prefault('en')),
    daysRequested: env('PLAID_DAYS_REQUESTED', integer(1, 730).prefault('180')),
    customization: env('PLAID_LINK_CUSTOMIZATION', upTo100.optional(), 'default'),
  }),
  /** Undefined: what Plaid grants a processor by default. */
  processorPermissions: env('PLAID_PROCESSOR_PERMISSIONS', permissions.optional(), 'transactions'),
};

const resultsUserIn = env('ATOMIC_RESULTS_BY', oneOf(contract.USER_PLACES).optional(), 'path');

/** Without the user in its path, every user would be given the same result. */
function resultPath(name: string, job: Job) {
  const example = contract.DEFAULT_ATOMIC_CONTRACT.resultPaths[job];
  return group({ path: env(name, absolutePath.optional(), example), resultsUserIn })
    .refine(({ path, resultsUserIn }) => path === undefined || contract.isResultPath(path, resultsUserIn), {
      path: [name],
      error: 'must hold {identifier} where ATOMIC_RESULTS_BY is path, and only there',
    })
    .transform(({ path }) => path);
}

export const atomic = {
  apiKey: env('ATOMIC_API_KEY', secret(), '6d2c8f8e-1f0a-4b6e-9c55-1f2f8a0c7b11'),
  apiSecret: env('ATOMIC_API_SECRET', secret(), 'c0a8b1d2-3e4f-4a5b-8c6d-7e8f9a0b1c2d'),
  baseUrl: baseUrl('ATOMIC_BASE_URL', contract.ATOMIC_BASE_URLS, 'sandbox'),
  contract: group({
    tokenField: env('ATOMIC_TOKEN_FIELD', fieldName.optional(), 'processorToken'),
    userField: env('ATOMIC_USER_FIELD', fieldName.optional(), 'identifier'),
    deleteUserIn: env('ATOMIC_DELETE_BY', oneOf(contract.USER_PLACES).optional(), 'body'),
    resultsUserIn,
    resultPaths: group({
      'employer-classification': resultPath('ATOMIC_EMPLOYER_MATCHES_PATH', 'employer-classification'),
      'recurrence-detection': resultPath('ATOMIC_RECURRING_TRANSACTIONS_PATH', 'recurrence-detection'),
    }),
  }).transform((override): contract.AtomicContractOverride => override),
};

/** The API secret signs webhooks, unless Atomic's Console says otherwise. Empty where nothing is set. */
export const atomicWebhookSecrets = group({
  given: env('ATOMIC_WEBHOOK_SECRETS', list(secret()).optional(), 'new-secret,old-secret'),
  inPlace: allOrNone({ apiSecret: atomic.apiSecret }),
}).transform(({ given, inPlace }) => given ?? (inPlace ? [inPlace.apiSecret] : []));
