/** The settings of each process, as pure functions of the environment. Every problem is named at once. */
import type { z } from 'zod';
import { ATOMIC_BASE_URLS } from '../providers/atomic/contract';
import { PLAID_BASE_URLS } from '../providers/plaid/client';
import { namespaceOf, readConnectConfig } from '../temporal/connection';
import {
  callerSecretProblems,
  codecProblems,
  localProblems,
  productionProblems,
  workProblems,
} from './cross-checks';
import { isLoopback } from './rules';
import { apiSchema, codecSchema, commandSchema, localSchema, workerSchema } from './schemas';
import type { Secret } from './secret';
import type {
  ApiSettings,
  AtomicSettings,
  CallerSecrets,
  CodecServerSettings,
  CodecSettings,
  HttpSettings,
  LocalSettings,
  PlaidSettings,
  ProcessSettings,
  TemporalSettings,
  WorkerSettings,
  WorkSettings,
} from './types';
import { type Env, type Problem, readVariables, SettingsError, setVariables } from './variable';

export { type Env, SettingsError } from './variable';

/** Settings of `npm run api`. Throws {@link SettingsError}. */
export function readApiSettings(env: Env): ApiSettings {
  const { values, place } = read(apiSchema, env, callerSecretProblems(env));
  return {
    ...processSettings(values, place),
    plaid: plaidSettings(values, values.PLAID_CLIENT_ID, values.PLAID_SECRET),
    http: httpSettings(values),
    apiKeys: values.API_KEYS,
    atomicWebhookSecrets: webhookSecretsOf(values),
  };
}

const callerSecretsSchema = apiSchema.pick({
  API_KEYS: true,
  ATOMIC_WEBHOOK_SECRETS: true,
  ATOMIC_API_SECRET: true,
});

/** What the API reads again on SIGHUP. Throws {@link SettingsError}. */
export function readCallerSecrets(env: Env): CallerSecrets {
  const values = valuesOf(callerSecretsSchema, env, callerSecretProblems(env));
  return { apiKeys: values.API_KEYS, atomicWebhookSecrets: webhookSecretsOf(values) };
}

/** Settings of `npm run worker`. Throws {@link SettingsError}. */
export function readWorkerSettings(env: Env): WorkerSettings {
  const { values, place } = read(workerSchema, env, workProblems(env));
  return {
    ...processSettings(values, place),
    plaid: plaidSettings(values, values.PLAID_CLIENT_ID, values.PLAID_SECRET),
    atomic: atomicSettings(values, values.ATOMIC_API_KEY, values.ATOMIC_API_SECRET),
    work: workSettings(values),
  };
}

/** Settings of `npm run codec`. Throws {@link SettingsError}. */
export function readCodecSettings(env: Env): CodecSettings {
  const { values, place } = read(codecSchema, env, codecProblems(env));
  return { ...processSettings(values, place), codec: codecSettings(values) };
}

/** Settings of `npm start` and `npm run demo`. Throws {@link SettingsError}. */
export function readLocalSettings(env: Env): LocalSettings {
  const set = setVariables(env);
  const { values, place } = read(localSchema, env, localProblems(env));
  const { PLAID_CLIENT_ID, PLAID_SECRET, ATOMIC_API_KEY, ATOMIC_API_SECRET } = values;
  return {
    ...processSettings(values, place),
    given: {
      temporal: set.TEMPORAL_ADDRESS !== undefined,
      port: set.PORT !== undefined,
      resultOverdueAfter: set.RESULT_OVERDUE_AFTER !== undefined,
    },
    plaid: PLAID_CLIENT_ID && PLAID_SECRET && plaidSettings(values, PLAID_CLIENT_ID, PLAID_SECRET),
    atomic: ATOMIC_API_KEY && ATOMIC_API_SECRET && atomicSettings(values, ATOMIC_API_KEY, ATOMIC_API_SECRET),
    apiKeys: values.API_KEYS,
    atomicWebhookSecrets: webhookSecretsOf(values),
    http: httpSettings(values),
    work: workSettings(values),
    codec: codecSettings(values),
  };
}

/** Settings of the commands that only talk to Temporal. Throws {@link SettingsError}. */
export function readCommandSettings(env: Env): ProcessSettings {
  const { values, place } = read(commandSchema, env, []);
  return processSettings(values, place);
}

/** The values of a schema. Throws {@link SettingsError} with what is wrong in them and the problems given. */
function valuesOf<Shape extends z.core.$ZodLooseShape>(
  schema: z.ZodObject<Shape>,
  env: Env,
  problems: readonly Problem[],
): z.output<z.ZodObject<Shape>> {
  const reading = readVariables(schema, env);
  if ('values' in reading && problems.length === 0) return reading.values;
  throw new SettingsError([...('problems' in reading ? reading.problems : []), ...problems]);
}

type Place = Pick<TemporalSettings, 'connectConfig' | 'namespace'>;

function read<Shape extends z.core.$ZodLooseShape>(
  schema: z.ZodObject<Shape>,
  env: Env,
  problems: readonly Problem[],
): { values: z.output<z.ZodObject<Shape>>; place: Place } {
  const place = readPlace(env);
  if ('problem' in place) {
    valuesOf(schema, env, [...productionProblems(env), ...problems, place.problem]);
    throw new SettingsError([place.problem]);
  }
  return { values: valuesOf(schema, env, [...productionProblems(env), ...problems]), place };
}

/** Where Temporal is. */
function readPlace(env: Env): Place | { problem: Problem } {
  const set = setVariables(env);
  if (/[\s/]/.test(set.TEMPORAL_ADDRESS ?? '')) {
    const what = 'must be a host and a port, without a scheme';
    return { problem: { name: 'TEMPORAL_ADDRESS', what, example: 'temporal.example.com:7233' } };
  }
  try {
    const connectConfig = readConnectConfig(set);
    return { connectConfig, namespace: namespaceOf(connectConfig) };
  } catch (error) {
    // The first line says what is wrong; those after it may quote the file.
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown';
    return { problem: { name: 'TEMPORAL_*', what: `could not be read: ${why}` } };
  }
}

function processSettings(values: z.output<typeof commandSchema>, place: Place): ProcessSettings {
  return {
    temporal: { ...place, taskQueue: values.TEMPORAL_TASK_QUEUE, keyRing: values.ENCRYPTION_KEYS },
    logLevel: values.LOG_LEVEL,
    production: values.NODE_ENV === 'production',
  };
}

function plaidSettings(
  values: Pick<z.output<typeof apiSchema>, 'PLAID_ENV' | 'PLAID_BASE_URL'>,
  clientId: Secret,
  secret: Secret,
): PlaidSettings {
  return { clientId, secret, baseUrl: values.PLAID_BASE_URL ?? PLAID_BASE_URLS[values.PLAID_ENV] };
}

function atomicSettings(
  values: Omit<z.output<typeof workerSchema>, 'ATOMIC_API_KEY' | 'ATOMIC_API_SECRET' | `PLAID_${string}`>,
  apiKey: Secret,
  apiSecret: Secret,
): AtomicSettings {
  return {
    apiKey,
    apiSecret,
    baseUrl: values.ATOMIC_BASE_URL ?? ATOMIC_BASE_URLS[values.ATOMIC_ENV],
    contract: {
      tokenField: values.ATOMIC_TOKEN_FIELD,
      userField: values.ATOMIC_USER_FIELD,
      deleteUserIn: values.ATOMIC_DELETE_BY,
      resultPaths: {
        'employer-classification': values.ATOMIC_EMPLOYER_MATCHES_PATH,
        'recurrence-detection': values.ATOMIC_RECURRING_TRANSACTIONS_PATH,
      },
    },
  };
}

/** Atomic signs webhooks with the API secret, unless the Console says otherwise. */
function webhookSecretsOf(values: {
  ATOMIC_WEBHOOK_SECRETS: readonly Secret[] | undefined;
  ATOMIC_API_SECRET: Secret | undefined;
}): readonly Secret[] {
  return values.ATOMIC_WEBHOOK_SECRETS ?? (values.ATOMIC_API_SECRET ? [values.ATOMIC_API_SECRET] : []);
}

function httpSettings(values: HttpValues): HttpSettings {
  const { HOST, PORT, PUBLIC_URL, TRUST_PROXY } = values;
  return { host: HOST, port: PORT, publicUrl: PUBLIC_URL, trustProxy: TRUST_PROXY };
}
type HttpValues = Pick<z.output<typeof apiSchema>, 'HOST' | 'PORT' | 'PUBLIC_URL' | 'TRUST_PROXY'>;

function workSettings(
  values: Omit<z.output<typeof workerSchema>, `PLAID_${string}` | `ATOMIC_${string}`>,
): WorkSettings {
  const { NOTIFY_URL, NOTIFY_SECRET, TEMPORAL_DEPLOYMENT_NAME, TEMPORAL_WORKER_BUILD_ID } = values;
  const notify = NOTIFY_URL && NOTIFY_SECRET && { url: NOTIFY_URL, secrets: NOTIFY_SECRET };
  const deployment = TEMPORAL_DEPLOYMENT_NAME &&
    TEMPORAL_WORKER_BUILD_ID && { name: TEMPORAL_DEPLOYMENT_NAME, buildId: TEMPORAL_WORKER_BUILD_ID };
  return {
    host: values.HOST,
    port: values.WORKER_PORT,
    maxCachedWorkflows: values.WORKER_MAX_CACHED_WORKFLOWS,
    maxConcurrentActivities: values.WORKER_MAX_CONCURRENT_ACTIVITIES,
    maxConcurrentWorkflowTasks: values.WORKER_MAX_CONCURRENT_WORKFLOW_TASKS,
    link: {
      resultOverdueAfterMs: values.RESULT_OVERDUE_AFTER,
      resultGiveUpAfterMs: values.RESULT_GIVE_UP_AFTER,
      waitForHistoryMs: values.WAIT_FOR_HISTORY,
      removeItemOnUnlink: values.REMOVE_ITEM_ON_UNLINK,
      notify: notify !== undefined,
    },
    notify: notify || undefined,
    otlpEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
    deployment: deployment || undefined,
  };
}

function codecSettings(values: z.output<typeof codecSchema>): CodecServerSettings {
  const { CODEC_JWKS_URL, CODEC_ISSUER, CODEC_AUDIENCE, CODEC_TOKEN } = values;
  const jwt = CODEC_JWKS_URL &&
    CODEC_ISSUER &&
    CODEC_AUDIENCE && { jwksUrl: CODEC_JWKS_URL, issuer: CODEC_ISSUER, audience: CODEC_AUDIENCE };
  const open = CODEC_TOKEN.length === 0 && !jwt;
  return {
    // Whoever can reach a server without a token can decode everything.
    host: open && !isLoopback(values.HOST) ? '127.0.0.1' : values.HOST,
    port: values.CODEC_PORT,
    tokens: CODEC_TOKEN,
    jwt: jwt || undefined,
    uiOrigins: values.TEMPORAL_UI_ORIGIN,
  };
}
