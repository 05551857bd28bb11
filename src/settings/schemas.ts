/** What each process is set by: one tree per process, and the type that it comes to. */
import { EVENT_TYPE_OF_JOB } from '../contract/jobs';
import { DEFAULT_TASK_QUEUE } from '../contract/names';
import { LOG_LEVELS } from '../logging/log-level';
import { allOrNone, given, group, optional, required, requiredInProduction, withDefault } from './parts';
import { atomic, plaid, plaidUse, providersIfGiven, webhookSecrets } from './providers';
import * as rules from './rules';
import { duration, integer, isLoopback, list, matching, trueOrFalse } from './rules';
import { type SettingsOf, schemaOf } from './schema';
import * as secrets from './secret-rules';
import { temporalPlace } from './temporal-place';

const word = matching(/^[\x21-\x7e]{1,200}$/, 'printable, without spaces');
const hostName = matching(/^[A-Za-z0-9.:_-]{1,253}$/, 'a host name or an IP address');
const eventNames = list(matching(/^[A-Za-z0-9_.-]{1,200}$/, 'the name of an event'));
const port = integer(0, 65_535);
// Made by the shell that it is pasted into, so that nobody uses a key that is printed here.
const randomKey = 'k1:$(openssl rand -base64 32)';

const host = withDefault('HOST', hostName, '127.0.0.1');
const drainDelayMs = withDefault('DRAIN_DELAY', duration(0), '5s');
const resultOverdueAfterMs = withDefault('RESULT_OVERDUE_AFTER', duration(1_000), '15m');
const otlpEndpoint = optional('OTEL_EXPORTER_OTLP_ENDPOINT', rules.baseUrl, 'http://127.0.0.1:4318');
const apiKeys = ['API_KEYS', list(secrets.apiKey), 'backend:$(openssl rand -hex 24)'] as const;
const notifyUrl = ['NOTIFY_URL', rules.urlWithQuery, 'https://backend.example.com/webhooks/links'] as const;
const notifySecrets = list(secrets.webhookSecret);
/** Undefined: derived from the encryption keys. */
const sealingKeys = optional('SEALING_KEYS', secrets.sealingKeys, randomKey);
const sealingKeyExample = 'what `npm run keys -- new --sealing` prints';
const sealingPublicKey = optional('SEALING_PUBLIC_KEYS', secrets.sealingPublicKeys, sealingKeyExample);

/** Of every process. */
const shared = {
  temporal: group({
    place: temporalPlace,
    taskQueue: withDefault('TEMPORAL_TASK_QUEUE', word, DEFAULT_TASK_QUEUE),
    /** Undefined outside of production: a key of this machine is used, see `development-key.ts`. */
    keyRing: requiredInProduction('ENCRYPTION_KEYS', secrets.encryptionKeys, randomKey),
  }).transform(({ place, ...others }) => ({ ...place, ...others })),
  /** Undefined: the process's own default. */
  logLevel: optional('LOG_LEVEL', rules.oneOf(LOG_LEVELS), 'info'),
};

/** Names of the events that tell of a finished job. */
const { 'employer-classification': employer, 'recurrence-detection': recurring } = EVENT_TYPE_OF_JOB;
const atomicEvents = group({
  'employer-classification': withDefault('ATOMIC_EMPLOYER_EVENTS', eventNames, employer),
  'recurrence-detection': withDefault('ATOMIC_RECURRING_EVENTS', eventNames, recurring),
});

const http = group({
  host,
  port: withDefault('PORT', port, '3000'),
  /** Undefined: where the server listens. */
  publicUrl: requiredInProduction('PUBLIC_URL', rules.baseUrl, 'https://links.example.com'),
  trustProxy: optional('TRUST_PROXY', list(rules.proxy), '10.0.0.0/8').transform((given) => given ?? []),
  drainDelayMs,
});

const deployment = allOrNone({
  name: required('TEMPORAL_DEPLOYMENT_NAME', word, 'processor-link'),
  buildId: required('TEMPORAL_WORKER_BUILD_ID', word, '2025-03-01.1'),
});
const activities = integer(1, 10_000);
const tasks = integer(2, 10_000);
const work = group({
  host,
  port: withDefault('WORKER_PORT', port, '3001'),
  maxCachedWorkflows: optional('WORKER_MAX_CACHED_WORKFLOWS', integer(4, 1_000_000), '500'),
  maxConcurrentActivities: withDefault('WORKER_MAX_CONCURRENT_ACTIVITIES', activities, '200'),
  maxConcurrentWorkflowTasks: withDefault('WORKER_MAX_CONCURRENT_WORKFLOW_TASKS', tasks, '100'),
  leanThreads: withDefault('WORKER_LEAN_THREADS', trueOrFalse, 'true'),
  sealingKeys,
  link: group({
    resultOverdueAfterMs,
    resultGiveUpAfterMs: withDefault('RESULT_GIVE_UP_AFTER', duration(1_000), '7d'),
    waitForHistoryMs: withDefault('WAIT_FOR_HISTORY', duration(0), '0'),
    configurationWaitMs: withDefault('CONFIGURATION_WAIT', duration(0), '72h'),
    attentionGiveUpAfterMs: withDefault('ATTENTION_GIVE_UP_AFTER', duration(1_000), '90d'),
    runMaxAgeMs: withDefault('LINK_RUN_MAX_AGE', duration(10_000), '30d'),
    removeItemOnUnlink: withDefault('REMOVE_ITEM_ON_UNLINK', trueOrFalse, 'true'),
    notify: given('NOTIFY_URL'),
  }),
  notify: allOrNone({
    url: required(...notifyUrl),
    secrets: required('NOTIFY_SECRET', notifySecrets, 'whsec_cHJvY2Vzc29yLWxpbmstZXhhbXBsZQ=='),
  }),
  otlpEndpoint,
  deployment,
});

const codec = group({
  host,
  port: withDefault('CODEC_PORT', port, '3002'),
  tokens: optional('CODEC_TOKEN', list(secrets.secret(8)), '$(openssl rand -hex 24)').transform(
    (given) => given ?? [],
  ),
  jwt: allOrNone({
    jwksUrl: required('CODEC_JWKS_URL', rules.confidentialUrl, 'https://login.example.com/jwks.json'),
    issuer: required('CODEC_ISSUER', word, 'https://login.example.com/'),
    audience: required('CODEC_AUDIENCE', word, 'temporal-ui'),
  }),
  /** Name of the claim of a login that has to hold `<namespace>:read`. */
  claim: withDefault('CODEC_CLAIM', word, 'permissions'),
  /** Whether logins may encode. */
  encode: withDefault('CODEC_ENCODE', trueOrFalse, 'false'),
  uiOrigins: withDefault('TEMPORAL_UI_ORIGIN', list(rules.origin), 'http://localhost:8233'),
  drainDelayMs,
}).transform(({ host, ...others }) => {
  const isOpen = others.tokens.length === 0 && !others.jwt;
  // Whoever can reach a server without a token can decode everything.
  return { ...others, host: isOpen && !isLoopback(host) ? '127.0.0.1' : host };
});

const callers = {
  apiKeys: required(...apiKeys),
  atomicWebhookSecrets: webhookSecrets.refine((given) => given.length > 0, {
    path: ['ATOMIC_API_SECRET'],
    error: 'is required, unless ATOMIC_WEBHOOK_SECRETS is set',
  }),
};
/** What the API reads again on SIGHUP. */
export const callersSchema = schemaOf(callers);
export type CallerSecrets = SettingsOf<typeof callersSchema>;

const apiOnly = { plaid, http, atomicEvents, sealingPublicKey, otlpEndpoint };
export const apiSchema = schemaOf({ ...shared, ...callers, ...apiOnly });
export type ApiSettings = SettingsOf<typeof apiSchema>;
export type HttpSettings = ApiSettings['http'];

export const workerSchema = schemaOf({ ...shared, plaid, atomic, work });
export type WorkerSettings = SettingsOf<typeof workerSchema>;
export type PlaidSettings = WorkerSettings['plaid'];
export type AtomicSettings = WorkerSettings['atomic'];
export type WorkSettings = WorkerSettings['work'];

export const codecSchema = schemaOf({ ...shared, codec });
export type CodecSettings = SettingsOf<typeof codecSchema>;

/** Of commands that only talk to Temporal: `search-attributes`. */
export const commandSchema = schemaOf(shared);
export type ProcessSettings = SettingsOf<typeof commandSchema>;
export type TemporalSettings = ProcessSettings['temporal'];

/** Of `npm run keys`. */
export const keysSchema = schemaOf({ ...shared, sealingKeys, sealingPublicKey });
export type KeysSettings = SettingsOf<typeof keysSchema>;

/** What operators' commands have of the providers. */
const ifGiven = { ...providersIfGiven(), resultOverdueAfterMs };

/** `links`: what finds and moves links; the providers and the sealing keys, which open access tokens, are for `forget`. */
const plaidEnvironment = plaidUse.environment;
export const linksSchema = schemaOf({
  ...shared,
  ...ifGiven,
  plaidEnvironment,
  sealingKeys,
  sealingPublicKey,
});
export type LinksSettings = SettingsOf<typeof linksSchema>;

/** `doctor`: what it proves is what all processes have together. */
const doctorOnly = { http, atomicWebhookSecrets: webhookSecrets, deployment };
export const doctorSchema = schemaOf({ ...shared, ...ifGiven, ...doctorOnly });
export type DoctorSettings = SettingsOf<typeof doctorSchema>;

const simulated = providersIfGiven({ inProduction: true });
const local = {
  http,
  work,
  codec,
  atomicEvents,
  sealingPublicKey,
  /** Whether it was set, where leaving it out means more than its default. */
  given: group({
    temporal: given('TEMPORAL_ADDRESS'),
    port: given('PORT'),
    resultOverdueAfter: given('RESULT_OVERDUE_AFTER'),
  }),
  /** Undefined: simulated. */
  plaid: simulated.plaid,
  simulatedPlaid: group({ link: plaidUse.link, processorPermissions: plaidUse.processorPermissions }),
  /** Undefined: simulated. */
  atomic: group({ atomic: simulated.atomic, plaidIsReal: given('PLAID_CLIENT_ID') })
    .refine(({ atomic, plaidIsReal }) => !atomic || plaidIsReal, {
      path: ['PLAID_CLIENT_ID'],
      error: 'is required with ATOMIC_API_KEY: Atomic cannot use simulated tokens',
    })
    .transform(({ atomic }) => atomic),
  /** Undefined: a fixed one for development, which is public. */
  apiKeys: group({ keys: requiredInProduction(...apiKeys), host })
    .refine(({ keys, host }) => keys || isLoopback(host), {
      path: ['API_KEYS'],
      error: 'is required where HOST is not this machine alone',
    })
    .transform(({ keys }) => keys),
  /** Empty: the simulator's. */
  atomicWebhookSecrets: webhookSecrets,
};
/** `start` and `demo`: everything at once, on one machine; what is left out is simulated or made up. */
export const localSchema = schemaOf({ ...shared, ...local });
export type LocalSettings = SettingsOf<typeof localSchema>;
