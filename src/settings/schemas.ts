/** What each process is set by: one tree per process. */
import { EVENT_TYPE_OF_JOB } from '../contract/jobs';
import { DEFAULT_TASK_QUEUE } from '../contract/names';
import { LOG_LEVELS } from '../logging/log-level';
import { atomic, atomicWebhookSecrets, plaid, plaidEnvironment } from './providers';
import * as rules from './rules';
import { duration, integer, isLoopback, list, matching, trueOrFalse } from './rules';
import { allOrNone, env, given, group, type SettingsOf, schemaOf } from './schema';
import { temporalPlace } from './temporal-place';

const word = matching(/^[\x21-\x7e]{1,200}$/, 'printable, without spaces');
const hostName = matching(/^[A-Za-z0-9.:_-]{1,253}$/, 'a host name or an IP address');
const eventNames = list(matching(/^[A-Za-z0-9_.-]{1,200}$/, 'the name of an event'));
const port = integer(0, 65_535);
// Made by the shell that it is pasted into, so that nobody uses a key that is printed here.
const randomKey = 'k1:$(openssl rand -base64 32)';

const host = env('HOST', hostName.prefault('127.0.0.1'));
const drainDelayMs = env('DRAIN_DELAY', duration(0).prefault('5s'));
const resultOverdueAfterMs = env('RESULT_OVERDUE_AFTER', duration(1_000).prefault('15m'));
const otlpEndpoint = env('OTEL_EXPORTER_OTLP_ENDPOINT', rules.baseUrl.optional(), 'http://127.0.0.1:4318');
const apiKeys = env('API_KEYS', list(rules.apiKey(8)), 'backend:$(openssl rand -hex 24)');
/** Undefined: derived from the encryption keys. */
const sealingKeys = env('SEALING_KEYS', rules.sealingKeys.optional(), randomKey);
const sealingKeyExample = 'what `npm run keys -- new --sealing` prints';
const sealingPublicKey = env('SEALING_PUBLIC_KEYS', rules.sealingPublicKeys.optional(), sealingKeyExample);

/** Of every process. */
const shared = {
  temporal: group({
    place: temporalPlace,
    taskQueue: env('TEMPORAL_TASK_QUEUE', word.prefault(DEFAULT_TASK_QUEUE)),
    /** Undefined outside of production: a key of this machine is used, see `development-key.ts`. */
    keyRing: env('ENCRYPTION_KEYS', rules.encryptionKeys.optional(), randomKey),
  }).transform(({ place, ...others }) => ({ ...place, ...others })),
  /** Undefined: the process's own default. */
  logLevel: env('LOG_LEVEL', rules.oneOf(LOG_LEVELS).optional(), 'info'),
};

/** Names of the events that tell of a finished job. */
const { 'employer-classification': employer, 'recurrence-detection': recurring } = EVENT_TYPE_OF_JOB;
const atomicEvents = group({
  'employer-classification': env('ATOMIC_EMPLOYER_EVENTS', eventNames.prefault(employer)),
  'recurrence-detection': env('ATOMIC_RECURRING_EVENTS', eventNames.prefault(recurring)),
});

const http = group({
  host,
  port: env('PORT', port.prefault('3000')),
  /** Undefined: where the server listens. */
  publicUrl: env('PUBLIC_URL', rules.baseUrl.optional(), 'https://links.example.com'),
  trustProxy: env('TRUST_PROXY', list(rules.proxy).optional(), '10.0.0.0/8'),
  drainDelayMs,
});

const deployment = allOrNone({
  name: env('TEMPORAL_DEPLOYMENT_NAME', word, 'processor-link'),
  buildId: env('TEMPORAL_WORKER_BUILD_ID', word, '2025-03-01.1'),
});
const work = group({
  host,
  port: env('WORKER_PORT', port.prefault('3001')),
  maxCachedWorkflows: env('WORKER_MAX_CACHED_WORKFLOWS', integer(4, 1_000_000).optional(), '500'),
  maxConcurrentActivities: env('WORKER_MAX_CONCURRENT_ACTIVITIES', integer(1, 10_000).prefault('200')),
  maxConcurrentWorkflowTasks: env('WORKER_MAX_CONCURRENT_WORKFLOW_TASKS', integer(2, 10_000).prefault('100')),
  leanThreads: env('WORKER_LEAN_THREADS', trueOrFalse.prefault('true')),
  sealingKeys,
  link: group({
    resultOverdueAfterMs,
    resultGiveUpAfterMs: env('RESULT_GIVE_UP_AFTER', duration(1_000).prefault('7d')),
    waitForHistoryMs: env('WAIT_FOR_HISTORY', duration(0).prefault('0')),
    configurationWaitMs: env('CONFIGURATION_WAIT', duration(0).prefault('72h')),
    attentionGiveUpAfterMs: env('ATTENTION_GIVE_UP_AFTER', duration(1_000).prefault('90d')),
    runMaxAgeMs: env('LINK_RUN_MAX_AGE', duration(10_000).prefault('30d')),
    removeItemOnUnlink: env('REMOVE_ITEM_ON_UNLINK', trueOrFalse.prefault('true')),
    notify: given('NOTIFY_URL'),
  }),
  notify: allOrNone({
    url: env('NOTIFY_URL', rules.urlWithQuery, 'https://backend.example.com/webhooks/links'),
    secrets: env('NOTIFY_SECRET', list(rules.webhookSecret), 'whsec_cHJvY2Vzc29yLWxpbmstZXhhbXBsZQ=='),
  }),
  otlpEndpoint,
  deployment,
});

const codec = group({
  host,
  port: env('CODEC_PORT', port.prefault('3002')),
  tokens: env('CODEC_TOKEN', list(rules.secret(8)).optional(), '$(openssl rand -hex 24)'),
  jwt: allOrNone({
    jwksUrl: env('CODEC_JWKS_URL', rules.confidentialUrl, 'https://login.example.com/jwks.json'),
    issuer: env('CODEC_ISSUER', word, 'https://login.example.com/'),
    audience: env('CODEC_AUDIENCE', word, 'temporal-ui'),
  }),
  /** Name of the claim of a login that has to hold `<namespace>:read`. */
  claim: env('CODEC_CLAIM', word.prefault('permissions')),
  /** Whether logins may encode. */
  encode: env('CODEC_ENCODE', trueOrFalse.prefault('false')),
  uiOrigins: env('TEMPORAL_UI_ORIGIN', list(rules.origin).prefault('http://localhost:8233')),
  drainDelayMs,
}).transform(({ host, ...others }) => {
  const isOpen = !others.tokens && !others.jwt;
  // Whoever can reach a server without a token can decode everything.
  return { ...others, host: isOpen && !isLoopback(host) ? '127.0.0.1' : host };
});

const callers = {
  apiKeys,
  atomicWebhookSecrets: atomicWebhookSecrets.refine((given) => given.length > 0, {
    path: ['ATOMIC_API_SECRET'],
    error: 'is required, unless ATOMIC_WEBHOOK_SECRETS is set',
  }),
};
/** What the API reads again on SIGHUP. */
export const callersSchema = schemaOf(callers);

const api = { http, atomicEvents, sealingPublicKey };
export const apiSchema = schemaOf({ ...shared, ...callers, plaid: group(plaid), ...api, otlpEndpoint });

export const workerSchema = schemaOf({ ...shared, plaid: group(plaid), atomic: group(atomic), work });
export type PlaidSettings = SettingsOf<typeof workerSchema>['plaid'];
export type AtomicSettings = SettingsOf<typeof workerSchema>['atomic'];
export type WorkSettings = SettingsOf<typeof workerSchema>['work'];

export const codecSchema = schemaOf({ ...shared, codec });

/** Of commands that only talk to Temporal: `search-attributes`. */
export const commandSchema = schemaOf(shared);
export type TemporalSettings = SettingsOf<typeof commandSchema>['temporal'];

const sealing = { sealingKeys, sealingPublicKey };
/** Of `npm run keys`. */
export const keysSchema = schemaOf({ ...shared, ...sealing });

/** Of operators' commands, which do without a provider whose keys are not set. */
const operators = { plaid: allOrNone(plaid), atomic: allOrNone(atomic), resultOverdueAfterMs };
/** `links`: what finds and moves links; the providers and the sealing keys, which open access tokens, are for `forget`. */
export const linksSchema = schemaOf({ ...shared, ...operators, ...sealing, plaidEnvironment });

/** `doctor`: what it proves is what all processes have together. */
export const doctorSchema = schemaOf({ ...shared, ...operators, http, atomicWebhookSecrets, deployment });

/** `start` and `demo`: everything at once, on one machine; what is left out is simulated or made up. */
export const localSchema = schemaOf({
  ...shared,
  ...api,
  work,
  codec,
  /** Undefined: simulated. */
  plaid: allOrNone(plaid, { inProduction: true }),
  simulatedPlaid: group({ link: plaid.link, processorPermissions: plaid.processorPermissions }),
  /** Undefined: simulated. */
  atomic: group({ atomic: allOrNone(atomic, { inProduction: true }), plaidIsReal: given('PLAID_CLIENT_ID') })
    .refine(({ atomic, plaidIsReal }) => !atomic || plaidIsReal, {
      path: ['PLAID_CLIENT_ID'],
      error: 'is required with ATOMIC_API_KEY: Atomic cannot use simulated tokens',
    })
    .transform(({ atomic }) => atomic),
  /** Without it, a server of its own is started. */
  temporalIsGiven: given('TEMPORAL_ADDRESS'),
  /** Undefined: a fixed one for development, which is public. */
  apiKeys: group({ given: allOrNone({ apiKeys }, { inProduction: true }), host })
    .refine(({ given, host }) => given || isLoopback(host), {
      path: ['API_KEYS'],
      error: 'is required where HOST is not this machine alone',
    })
    .transform(({ given }) => given?.apiKeys),
  /** Empty: the simulator's. */
  atomicWebhookSecrets,
});
export type LocalSettings = SettingsOf<typeof localSchema>;
