/** What each process is set by: one tree per process, and the type that it comes to. */
import { EVENT_TYPE_OF_JOB } from '../contract/jobs';
import { DEFAULT_TASK_QUEUE } from '../contract/names';
import { LOG_LEVELS } from '../logging/log-level';
import {
  atomicKeys,
  atomicUse,
  ifGiven,
  plaidKeys,
  plaidUse,
  providerUrl,
  webhookSecretsOr,
} from './providers';
import {
  duration,
  httpUrl,
  isLoopback,
  list,
  matching,
  oneOf,
  origin,
  port,
  proxy,
  trueOrFalse,
  wholeNumber,
} from './rules';
import { type SettingsOf, schemaOf } from './schema';
import {
  apiKey,
  encryptionKeys,
  sealingKeys,
  sealingPublicKeys,
  secret,
  webhookSecret,
} from './secret-rules';
import { temporalPlace } from './temporal-place';
import {
  allOrNone,
  from,
  given,
  listOrNone,
  optional,
  required,
  requiredInProduction,
  withDefault,
} from './variable';

const word = matching(/^[\x21-\x7e]{1,200}$/, 'printable, without spaces');
const eventNames = list(matching(/^[A-Za-z0-9_.-]{1,200}$/, 'the name of an event'));
const hostName = matching(/^[A-Za-z0-9.:_-]{1,253}$/, 'a host name or an IP address');
const host = withDefault('HOST', hostName, '127.0.0.1');
const drainDelayMs = withDefault('DRAIN_DELAY', duration(0), '5s');
const apiKeys = ['API_KEYS', list(apiKey), 'backend:$(openssl rand -hex 24)'] as const;
// Made by the shell that it is pasted into, so that nobody uses a key that is printed here.
const randomKey = 'k1:$(openssl rand -base64 32)';

/** Of every process. */
const shared = {
  temporal: from(
    {
      place: temporalPlace,
      taskQueue: withDefault('TEMPORAL_TASK_QUEUE', word, DEFAULT_TASK_QUEUE),
      keyRing: requiredInProduction('ENCRYPTION_KEYS', encryptionKeys, randomKey),
    },
    // Outside of production there may be no key ring: a key of this machine is used, see `development-key.ts`.
    ({ place, taskQueue, keyRing }) => ({ ...place, taskQueue, keyRing }),
  ),
  /** Undefined: the process's own default. */
  logLevel: optional('LOG_LEVEL', oneOf(LOG_LEVELS), 'info'),
};

const plaid = { ...plaidKeys(required), ...plaidUse };
const atomic = { ...atomicKeys(required), ...atomicUse };
/** What operators' commands have of the providers; undefined where their credentials are not set. */
const providersIfGiven = {
  plaid: ifGiven(plaidKeys(optional), plaidUse),
  atomic: ifGiven(atomicKeys(optional), atomicUse),
};

/** Names of the events that tell of a finished job. */
const atomicEvents = {
  'employer-classification': withDefault(
    'ATOMIC_EMPLOYER_EVENTS',
    eventNames,
    EVENT_TYPE_OF_JOB['employer-classification'],
  ),
  'recurrence-detection': withDefault(
    'ATOMIC_RECURRING_EVENTS',
    eventNames,
    EVENT_TYPE_OF_JOB['recurrence-detection'],
  ),
};

const http = {
  host,
  port: withDefault('PORT', port, '3000'),
  /** Undefined: where the server listens. */
  publicUrl: requiredInProduction(
    'PUBLIC_URL',
    httpUrl({ httpsInProduction: true }),
    'https://links.example.com',
  ),
  trustProxy: listOrNone('TRUST_PROXY', list(proxy), '10.0.0.0/8'),
  drainDelayMs,
};

/** Undefined: derived from the encryption keys, as are the sealing keys of `work`. */
const sealingPublicKey = optional(
  'SEALING_PUBLIC_KEYS',
  sealingPublicKeys,
  'what `npm run keys -- new --sealing` prints',
);
const otlpEndpoint = optional('OTEL_EXPORTER_OTLP_ENDPOINT', httpUrl(), 'http://127.0.0.1:4318');
const notifyUrl = optional(
  'NOTIFY_URL',
  httpUrl({ query: true, httpsInProduction: true }),
  'https://backend.example.com/webhooks/links',
);
const work = {
  host,
  port: withDefault('WORKER_PORT', port, '3001'),
  maxCachedWorkflows: optional('WORKER_MAX_CACHED_WORKFLOWS', wholeNumber(4, 1_000_000), '500'),
  maxConcurrentActivities: withDefault('WORKER_MAX_CONCURRENT_ACTIVITIES', wholeNumber(1, 10_000), '200'),
  maxConcurrentWorkflowTasks: withDefault(
    'WORKER_MAX_CONCURRENT_WORKFLOW_TASKS',
    wholeNumber(2, 10_000),
    '100',
  ),
  leanThreads: withDefault('WORKER_LEAN_THREADS', trueOrFalse, 'true'),
  sealingKeys: optional('SEALING_KEYS', sealingKeys, randomKey),
  link: {
    resultOverdueAfterMs: withDefault('RESULT_OVERDUE_AFTER', duration(1_000), '15m'),
    resultGiveUpAfterMs: withDefault('RESULT_GIVE_UP_AFTER', duration(1_000), '7d'),
    waitForHistoryMs: withDefault('WAIT_FOR_HISTORY', duration(0), '0'),
    configurationWaitMs: withDefault('CONFIGURATION_WAIT', duration(0), '72h'),
    attentionGiveUpAfterMs: withDefault('ATTENTION_GIVE_UP_AFTER', duration(1_000), '90d'),
    runMaxAgeMs: withDefault('LINK_RUN_MAX_AGE', duration(10_000), '30d'),
    removeItemOnUnlink: withDefault('REMOVE_ITEM_ON_UNLINK', trueOrFalse, 'true'),
    notify: from({ url: notifyUrl }, ({ url }) => url !== undefined),
  },
  notify: allOrNone({
    url: notifyUrl,
    secrets: optional('NOTIFY_SECRET', list(webhookSecret), 'whsec_cHJvY2Vzc29yLWxpbmstZXhhbXBsZQ=='),
  }),
  otlpEndpoint,
  deployment: allOrNone({
    name: optional('TEMPORAL_DEPLOYMENT_NAME', word, 'processor-link'),
    buildId: optional('TEMPORAL_WORKER_BUILD_ID', word, '2025-03-01.1'),
  }),
};
const { resultOverdueAfterMs } = work.link;

const codec = from(
  {
    host,
    port: withDefault('CODEC_PORT', port, '3002'),
    tokens: listOrNone('CODEC_TOKEN', list(secret(8, 16)), '$(openssl rand -hex 24)'),
    jwt: allOrNone({
      jwksUrl: optional('CODEC_JWKS_URL', providerUrl, 'https://login.example.com/.well-known/jwks.json'),
      issuer: optional('CODEC_ISSUER', word, 'https://login.example.com/'),
      audience: optional('CODEC_AUDIENCE', word, 'temporal-ui'),
    }),
    /** Name of the claim of a login that has to hold `<namespace>:read`. */
    claim: withDefault('CODEC_CLAIM', word, 'permissions'),
    /** Whether logins may encode. */
    encode: withDefault('CODEC_ENCODE', trueOrFalse, 'false'),
    uiOrigins: withDefault('TEMPORAL_UI_ORIGIN', list(origin), 'http://localhost:8233'),
    drainDelayMs,
  },
  (values) => {
    const isOpen = values.tokens.length === 0 && !values.jwt;
    // Whoever can reach a server without a token can decode everything.
    return { ...values, host: isOpen && !isLoopback(values.host) ? '127.0.0.1' : values.host };
  },
);

const callers = {
  apiKeys: required(...apiKeys),
  atomicWebhookSecrets: webhookSecretsOr((wrong) =>
    wrong('ATOMIC_API_SECRET', 'is required, unless ATOMIC_WEBHOOK_SECRETS is set'),
  ),
};
/** What the API reads again on SIGHUP. */
export const callersSchema = schemaOf(callers);
export type CallerSecrets = SettingsOf<typeof callersSchema>;

const apiParts = { plaid, http, atomicEvents, sealingPublicKey, otlpEndpoint };
export const apiSchema = schemaOf({ ...shared, ...callers, ...apiParts });
export type ApiSettings = SettingsOf<typeof apiSchema>;
export type HttpSettings = ApiSettings['http'];

export const workerSchema = schemaOf({ ...shared, plaid, atomic, work });
export type WorkerSettings = SettingsOf<typeof workerSchema>;
export type PlaidSettings = WorkerSettings['plaid'];
export type AtomicSettings = WorkerSettings['atomic'];
export type WorkSettings = WorkerSettings['work'];

export const codecSchema = schemaOf({ ...shared, codec });
export type CodecSettings = SettingsOf<typeof codecSchema>;
export type CodecServerSettings = CodecSettings['codec'];

/** Of commands that only talk to Temporal: `search-attributes`. */
export const commandSchema = schemaOf(shared);
export type ProcessSettings = SettingsOf<typeof commandSchema>;
export type TemporalSettings = ProcessSettings['temporal'];

/** Of `npm run keys`. */
export const keysSchema = schemaOf({ ...shared, sealingKeys: work.sealingKeys, sealingPublicKey });
export type KeysSettings = SettingsOf<typeof keysSchema>;

/** `links`: what finds and moves links; the providers and the sealing keys, which open access tokens, are for `forget`. */
export const linksSchema = schemaOf({
  ...shared,
  ...providersIfGiven,
  plaidEnvironment: plaidUse.environment,
  resultOverdueAfterMs,
  sealingPublicKey,
  sealingKeys: work.sealingKeys,
});
export type LinksSettings = SettingsOf<typeof linksSchema>;

/** `doctor`: what it proves is what all processes have together. */
export const doctorSchema = schemaOf({
  ...shared,
  ...providersIfGiven,
  http,
  /** Empty where none is set. */
  atomicWebhookSecrets: webhookSecretsOr(() => []),
  resultOverdueAfterMs,
  deployment: work.deployment,
});
export type DoctorSettings = SettingsOf<typeof doctorSchema>;

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
  plaid: ifGiven(plaidKeys(requiredInProduction), plaidUse),
  simulatedPlaid: { link: plaidUse.link, processorPermissions: plaidUse.processorPermissions },
  /** Undefined: simulated. */
  atomic: from(
    { real: ifGiven(atomicKeys(requiredInProduction), atomicUse), plaidIsReal: given('PLAID_CLIENT_ID') },
    ({ real, plaidIsReal }, wrong) =>
      real && !plaidIsReal
        ? wrong('PLAID_CLIENT_ID', 'is required with ATOMIC_API_KEY: Atomic cannot use simulated tokens')
        : real,
  ),
  /** Undefined: a fixed one for development, which is public. */
  apiKeys: from({ keys: requiredInProduction(...apiKeys), host }, ({ keys, host }, wrong) =>
    keys === undefined && !isLoopback(host)
      ? wrong('API_KEYS', 'is required where HOST is not this machine alone')
      : keys,
  ),
  /** Empty: the simulator's. */
  atomicWebhookSecrets: webhookSecretsOr(() => []),
});
export type LocalSettings = SettingsOf<typeof localSchema>;
