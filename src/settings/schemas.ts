/** One tree of settings per process: where each value comes from, by which rule, and what it is without. */
import { EVENT_TYPE_OF_JOB } from '../contract/jobs';
import { DEFAULT_TASK_QUEUE } from '../contract/names';
import { LINK_LANGUAGES, PLAID_ENVIRONMENTS } from '../contract/plaid';
import { LOG_LEVELS } from '../logging/log-level';
import {
  ATOMIC_BASE_URLS,
  type AtomicContractOverride,
  isResultPath,
  USER_PLACES,
} from '../providers/atomic/contract';
import { PLAID_BASE_URLS } from '../providers/plaid/client';
import {
  apiKey,
  duration,
  encryptionKeys,
  httpUrl,
  isLoopback,
  list,
  matching,
  oneOf,
  origin,
  port,
  proxy,
  sealingKeys,
  sealingPublicKeys,
  secret,
  trueOrFalse,
  webhookSecret,
  wholeNumber,
  words,
} from './rules';
import { schemaOf } from './schema';
import type { Secret } from './secret';
import { temporalPlace } from './temporal-place';
import {
  allOrNone,
  from,
  given,
  optional,
  required,
  requiredInProduction,
  type WRONG,
  type Wrong,
  withDefault,
} from './variable';

const DAY_MS = 86_400_000;
/** Of webhook secrets and codec tokens in production. */
const LEAST_SECRET_LENGTH = 16;
const word = (example: string) => matching(/^[\x21-\x7e]{1,200}$/, 'printable, without spaces', example);
const fieldName = (example: string) =>
  matching(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'a field name of letters, digits and _', example);
const resultPath = (example: string) => matching(/^\/[\x21-\x7e]*$/, 'a path that begins with /', example);
const eventsOf = (name: string, documented: string) =>
  withDefault(name, list(matching(/^[A-Za-z0-9_.-]{1,200}$/, 'the name of an event', documented)), [
    documented,
  ]);
const providerUrl = (example: string) => httpUrl(example, { confidential: true });
const notifyUrl = httpUrl('https://backend.example.com/webhooks/links', {
  query: true,
  httpsInProduction: true,
});
const plaidEnv = optional('PLAID_ENV', oneOf(PLAID_ENVIRONMENTS, 'sandbox'));
const atomicEnv = optional('ATOMIC_ENV', oneOf(PLAID_ENVIRONMENTS, 'sandbox'));
const host = withDefault(
  'HOST',
  matching(/^[A-Za-z0-9.:_-]{1,253}$/, 'a host name or an IP address', '127.0.0.1'),
  '127.0.0.1',
);
const drainDelayMs = withDefault('DRAIN_DELAY', duration('5s', 0), 5_000);

/** Of every process. */
const shared = {
  temporal: from(
    {
      place: temporalPlace,
      taskQueue: withDefault('TEMPORAL_TASK_QUEUE', word(DEFAULT_TASK_QUEUE), DEFAULT_TASK_QUEUE),
      keyRing: requiredInProduction('ENCRYPTION_KEYS', encryptionKeys),
    },
    // Outside of production there may be no key ring: a key of this machine is used, see `development-key.ts`.
    ({ place, taskQueue, keyRing }) => ({ ...place, taskQueue, keyRing }),
  ),
  /** Undefined: the process's own default. */
  logLevel: optional('LOG_LEVEL', oneOf(LOG_LEVELS, 'info')),
};

const plaidClientId = secret('5f0c6a2b9d1e4a7c8b3d2e1f');
const plaidSecret = secret('0123456789abcdef01234567890abc');
/** How Plaid is used, by whatever credentials. */
const plaidUse = {
  environment: withDefault('PLAID_ENV', oneOf(PLAID_ENVIRONMENTS, 'sandbox'), 'sandbox'),
  baseUrl: from(
    { url: optional('PLAID_BASE_URL', providerUrl(PLAID_BASE_URLS.sandbox)), env: plaidEnv, atomicEnv },
    ({ url, env = 'sandbox', atomicEnv: other = env }, wrong) =>
      env === other ? (url ?? PLAID_BASE_URLS[env]) : mixed(wrong),
  ),
  link: {
    /** Undefined: Link says "This Application". */
    clientName: optional('PLAID_CLIENT_NAME', words('Example Payroll', 30)),
    redirectUri: optional(
      'PLAID_REDIRECT_URI',
      matching(/^https?:\/\/[\x21-\x7e]+$/, 'a URL', 'https://app.example.com/bank'),
    ),
    countryCodes: withDefault(
      'PLAID_COUNTRY_CODES',
      list(matching(/^[A-Z]{2}$/, 'a country as two capital letters', 'US')),
      ['US'],
    ),
    language: withDefault('PLAID_LANGUAGE', oneOf(LINK_LANGUAGES, 'en'), 'en'),
    daysRequested: withDefault('PLAID_DAYS_REQUESTED', wholeNumber(1, 730, '180'), 180),
    customization: optional('PLAID_LINK_CUSTOMIZATION', words('default', 100)),
  },
  /** Undefined: what Plaid grants a processor by default. */
  processorPermissions: optional('PLAID_PROCESSOR_PERMISSIONS', oneOf(['transactions'], 'transactions')),
};
const plaid = {
  clientId: required('PLAID_CLIENT_ID', plaidClientId),
  secret: required('PLAID_SECRET', plaidSecret),
  ...plaidUse,
};

const atomicApiKey = secret('6d2c8f8e-1f0a-4b6e-9c55-1f2f8a0c7b11');
// It signs webhooks too, unless Atomic's Console says otherwise.
const atomicApiSecret = secret('c0a8b1d2-3e4f-4a5b-8c6d-7e8f9a0b1c2d', 1, LEAST_SECRET_LENGTH);
/** How Atomic is used, by whatever credentials. */
const atomicUse = {
  baseUrl: from(
    { url: optional('ATOMIC_BASE_URL', providerUrl(ATOMIC_BASE_URLS.sandbox)), env: atomicEnv, plaidEnv },
    ({ url, env = 'sandbox', plaidEnv: other = 'sandbox' }, wrong) =>
      env === other ? (url ?? ATOMIC_BASE_URLS[env]) : mixed(wrong),
  ),
  contract: from(
    {
      tokenField: optional('ATOMIC_TOKEN_FIELD', fieldName('processorToken')),
      userField: optional('ATOMIC_USER_FIELD', fieldName('identifier')),
      deleteUserIn: optional('ATOMIC_DELETE_BY', oneOf(USER_PLACES, 'body')),
      resultsUserIn: optional('ATOMIC_RESULTS_BY', oneOf(USER_PLACES, 'path')),
      resultPaths: {
        'employer-classification': optional(
          'ATOMIC_EMPLOYER_MATCHES_PATH',
          resultPath('/employer-matches/{identifier}'),
        ),
        'recurrence-detection': optional(
          'ATOMIC_RECURRING_TRANSACTIONS_PATH',
          resultPath('/recurring-financial-transactions/{identifier}'),
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
const atomic = {
  apiKey: required('ATOMIC_API_KEY', atomicApiKey),
  apiSecret: required('ATOMIC_API_SECRET', atomicApiSecret),
  ...atomicUse,
};

/** Items of Plaid's Sandbox mean nothing to Atomic's production, and the other way about. */
function mixed(wrong: Wrong): typeof WRONG {
  return wrong('PLAID_ENV', 'and ATOMIC_ENV must name the same environment, sandbox or production');
}

/** `none` says what it means that there is neither a webhook secret nor an API secret. */
function webhookSecretsOr(none: (wrong: Wrong) => readonly Secret[] | typeof WRONG) {
  return from(
    {
      given: optional(
        'ATOMIC_WEBHOOK_SECRETS',
        list(secret('new-secret', 1, LEAST_SECRET_LENGTH), 'new-secret,old-secret'),
      ),
      apiSecret: optional('ATOMIC_API_SECRET', atomicApiSecret),
    },
    ({ given, apiSecret }, wrong) => given ?? (apiSecret ? [apiSecret] : none(wrong)),
  );
}
/** Names of the events that tell of a finished job. */
const atomicEvents = {
  'employer-classification': eventsOf('ATOMIC_EMPLOYER_EVENTS', EVENT_TYPE_OF_JOB['employer-classification']),
  'recurrence-detection': eventsOf('ATOMIC_RECURRING_EVENTS', EVENT_TYPE_OF_JOB['recurrence-detection']),
};

const http = {
  host,
  port: withDefault('PORT', port('3000'), 3000),
  /** Undefined: where the server listens. */
  publicUrl: requiredInProduction(
    'PUBLIC_URL',
    httpUrl('https://links.example.com', { httpsInProduction: true }),
  ),
  trustProxy: withDefault('TRUST_PROXY', list(proxy), []),
  drainDelayMs,
};

/** Undefined: derived from the encryption keys. */
const sealingPublicKey = optional('SEALING_PUBLIC_KEYS', sealingPublicKeys);
const otlpEndpoint = optional('OTEL_EXPORTER_OTLP_ENDPOINT', httpUrl('http://127.0.0.1:4318'));
const resultOverdueAfter = duration('15m', 1_000);
const work = {
  host,
  port: withDefault('WORKER_PORT', port('3001'), 3001),
  maxCachedWorkflows: optional('WORKER_MAX_CACHED_WORKFLOWS', wholeNumber(4, 1_000_000, '500')),
  maxConcurrentActivities: withDefault(
    'WORKER_MAX_CONCURRENT_ACTIVITIES',
    wholeNumber(1, 10_000, '200'),
    200,
  ),
  maxConcurrentWorkflowTasks: withDefault(
    'WORKER_MAX_CONCURRENT_WORKFLOW_TASKS',
    wholeNumber(2, 10_000, '100'),
    100,
  ),
  /** Undefined: derived from the encryption keys. */
  sealingKeys: optional('SEALING_KEYS', sealingKeys),
  link: {
    resultOverdueAfterMs: withDefault('RESULT_OVERDUE_AFTER', resultOverdueAfter, 15 * 60_000),
    resultGiveUpAfterMs: withDefault('RESULT_GIVE_UP_AFTER', duration('7d', 1_000), 7 * DAY_MS),
    waitForHistoryMs: withDefault('WAIT_FOR_HISTORY', duration('2m', 0), 0),
    configurationWaitMs: withDefault('CONFIGURATION_WAIT', duration('72h', 0), 3 * DAY_MS),
    attentionGiveUpAfterMs: withDefault('ATTENTION_GIVE_UP_AFTER', duration('90d', 1_000), 90 * DAY_MS),
    runMaxAgeMs: withDefault('LINK_RUN_MAX_AGE', duration('30d', 10_000), 30 * DAY_MS),
    removeItemOnUnlink: withDefault('REMOVE_ITEM_ON_UNLINK', trueOrFalse, true),
    notify: from({ url: optional('NOTIFY_URL', notifyUrl) }, ({ url }) => url !== undefined),
  },
  notify: allOrNone({
    url: optional('NOTIFY_URL', notifyUrl),
    secrets: optional('NOTIFY_SECRET', list(webhookSecret)),
  }),
  otlpEndpoint,
  deployment: allOrNone({
    name: optional('TEMPORAL_DEPLOYMENT_NAME', word('processor-link')),
    buildId: optional('TEMPORAL_WORKER_BUILD_ID', word('2025-03-01.1')),
  }),
};

const codec = from(
  {
    host,
    port: withDefault('CODEC_PORT', port('3002'), 3002),
    tokens: withDefault('CODEC_TOKEN', list(secret('$(openssl rand -hex 24)', 8, LEAST_SECRET_LENGTH)), []),
    jwt: allOrNone({
      jwksUrl: optional('CODEC_JWKS_URL', providerUrl('https://login.example.com/.well-known/jwks.json')),
      issuer: optional('CODEC_ISSUER', word('https://login.example.com/')),
      audience: optional('CODEC_AUDIENCE', word('temporal-ui')),
    }),
    /** Name of the claim of a login that has to hold `<namespace>:read`. */
    claim: withDefault('CODEC_CLAIM', word('permissions'), 'permissions'),
    /** Whether logins may encode. */
    encode: withDefault('CODEC_ENCODE', trueOrFalse, false),
    uiOrigins: withDefault('TEMPORAL_UI_ORIGIN', list(origin), [origin.example]),
    drainDelayMs,
  },
  (values) => {
    const isOpen = values.tokens.length === 0 && !values.jwt;
    // Whoever can reach a server without a token can decode everything.
    return { ...values, host: isOpen && !isLoopback(values.host) ? '127.0.0.1' : values.host };
  },
);

/** What the API reads again on SIGHUP. */
const callers = {
  apiKeys: required('API_KEYS', list(apiKey)),
  atomicWebhookSecrets: webhookSecretsOr((wrong) =>
    wrong('ATOMIC_API_SECRET', 'is required, unless ATOMIC_WEBHOOK_SECRETS is set'),
  ),
};

export const callersSchema = schemaOf(callers);
export const apiSchema = schemaOf({
  ...shared,
  ...callers,
  plaid,
  http,
  atomicEvents,
  sealingPublicKey,
  otlpEndpoint,
});
export const workerSchema = schemaOf({ ...shared, plaid, atomic, work });
export const codecSchema = schemaOf({ ...shared, codec });
/** Of `npm run keys`. */
export const keysSchema = schemaOf({
  ...shared,
  sealingKeys: optional('SEALING_KEYS', sealingKeys),
  sealingPublicKey,
});
/** Of commands that only talk to Temporal: `search-attributes`. */
export const commandSchema = schemaOf(shared);
/** What operators' commands have of the providers; undefined where their credentials are not set. */
const providersIfGiven = {
  plaid: from(
    {
      credentials: allOrNone({
        clientId: optional('PLAID_CLIENT_ID', plaidClientId),
        secret: optional('PLAID_SECRET', plaidSecret),
      }),
      use: plaidUse,
    },
    ({ credentials, use }) => credentials && { ...credentials, ...use },
  ),
  atomic: from(
    {
      credentials: allOrNone({
        apiKey: optional('ATOMIC_API_KEY', atomicApiKey),
        apiSecret: optional('ATOMIC_API_SECRET', atomicApiSecret),
      }),
      use: atomicUse,
    },
    ({ credentials, use }) => credentials && { ...credentials, ...use },
  ),
};
/** `links`: what finds and moves links; the providers are for `forget` alone. */
export const linksSchema = schemaOf({
  ...shared,
  ...providersIfGiven,
  resultOverdueAfterMs: work.link.resultOverdueAfterMs,
  sealingPublicKey,
  /** For `forget`, which opens access tokens. */
  sealingKeys: work.sealingKeys,
});
/** `doctor`: what it proves is what all processes have together. */
export const doctorSchema = schemaOf({
  ...shared,
  ...providersIfGiven,
  http,
  /** Empty where none is set. */
  atomicWebhookSecrets: webhookSecretsOr(() => []),
  resultOverdueAfterMs: work.link.resultOverdueAfterMs,
  deployment: work.deployment,
});
/** `start` and `demo`: everything at once, on one machine; what is left out is simulated or made up. */
export const localSchema = schemaOf({
  ...shared,
  http,
  work,
  codec,
  atomicEvents,
  sealingPublicKey,
  /** Whether it was set, where leaving it out means more than its default. */
  given: {
    temporal: given('TEMPORAL_ADDRESS'),
    port: given('PORT'),
    resultOverdueAfter: given('RESULT_OVERDUE_AFTER'),
  },
  /** Undefined: simulated. */
  plaid: from(
    {
      credentials: allOrNone({
        clientId: requiredInProduction('PLAID_CLIENT_ID', plaidClientId),
        secret: requiredInProduction('PLAID_SECRET', plaidSecret),
      }),
      use: plaidUse,
    },
    ({ credentials, use }) => credentials && { ...credentials, ...use },
  ),
  simulatedPlaid: { link: plaidUse.link, processorPermissions: plaidUse.processorPermissions },
  /** Undefined: simulated. */
  atomic: from(
    {
      credentials: allOrNone({
        apiKey: requiredInProduction('ATOMIC_API_KEY', atomicApiKey),
        apiSecret: requiredInProduction('ATOMIC_API_SECRET', atomicApiSecret),
      }),
      use: atomicUse,
      plaidIsReal: given('PLAID_CLIENT_ID'),
    },
    ({ credentials, use, plaidIsReal }, wrong) => {
      if (!credentials || plaidIsReal) return credentials && { ...credentials, ...use };
      return wrong('PLAID_CLIENT_ID', 'is required with ATOMIC_API_KEY: Atomic cannot use simulated tokens');
    },
  ),
  /** Undefined: a fixed one for development, which is public. */
  apiKeys: from({ keys: requiredInProduction('API_KEYS', list(apiKey)), host }, ({ keys, host }, wrong) =>
    keys === undefined && !isLoopback(host)
      ? wrong('API_KEYS', 'is required where HOST is not this machine alone')
      : keys,
  ),
  /** Empty: the simulator's. */
  atomicWebhookSecrets: webhookSecretsOr(() => []),
});
