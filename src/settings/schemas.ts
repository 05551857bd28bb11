/** One schema a process: the variables it reads, and by which rules. */
import { z } from 'zod';
import { DEFAULT_TASK_QUEUE } from '../contract/names';
import { LOG_LEVELS } from '../logging/log-level';
import { ATOMIC_BASE_URLS, DELETE_USER_PLACES, isResultPath } from '../providers/atomic/contract';
import { PLAID_BASE_URLS } from '../providers/plaid/client';
import {
  apiKey,
  duration,
  httpUrl,
  keyRing,
  list,
  matching,
  oneOf,
  origin,
  port,
  secret,
  trueOrFalse,
  webhookSecret,
  wholeNumber,
} from './rules';
import { optional, type Rule, required, withDefault } from './variable';

const ENVIRONMENTS = ['sandbox', 'production'] as const;
const host = matching(/^[A-Za-z0-9.:_-]{1,253}$/, 'a host name or an IP address', '127.0.0.1');
const word = (example: string) => matching(/^[\x21-\x7e]{1,200}$/, 'printable, without spaces', example);
const fieldName = (example: string) =>
  matching(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'a field name of letters, digits and _', example);
const resultPath: Rule<string> = {
  example: '/employer-matches/{identifier}',
  read: (text) =>
    isResultPath(text) ? { value: text } : { problem: 'must begin with / and hold {identifier}' },
};
const providerUrl = (example: string) => httpUrl(example, { confidential: true });

const SHARED = {
  NODE_ENV: optional(word('production')),
  LOG_LEVEL: optional(oneOf(LOG_LEVELS, 'info')),
  HOST: withDefault(host, '127.0.0.1'),
};
const TEMPORAL = {
  TEMPORAL_TASK_QUEUE: withDefault(word(DEFAULT_TASK_QUEUE), DEFAULT_TASK_QUEUE),
  ENCRYPTION_KEYS: optional(keyRing),
};
const PLAID_PLACE = {
  PLAID_ENV: withDefault(oneOf(ENVIRONMENTS, 'sandbox'), 'sandbox'),
  PLAID_BASE_URL: optional(providerUrl(PLAID_BASE_URLS.sandbox)),
};
const plaidClientId = secret('5f0c6a2b9d1e4a7c8b3d2e1f');
const plaidSecret = secret('0123456789abcdef01234567890abc');
const atomicApiKey = secret('6d2c8f8e-1f0a-4b6e-9c55-1f2f8a0c7b11');
const atomicApiSecret = secret('c0a8b1d2-3e4f-4a5b-8c6d-7e8f9a0b1c2d');
const PLAID = {
  ...PLAID_PLACE,
  PLAID_CLIENT_ID: required(plaidClientId),
  PLAID_SECRET: required(plaidSecret),
};
const ATOMIC_PLACE = {
  ATOMIC_ENV: withDefault(oneOf(ENVIRONMENTS, 'sandbox'), 'sandbox'),
  ATOMIC_BASE_URL: optional(providerUrl(ATOMIC_BASE_URLS.sandbox)),
  ATOMIC_TOKEN_FIELD: optional(fieldName('processorToken')),
  ATOMIC_USER_FIELD: optional(fieldName('identifier')),
  ATOMIC_DELETE_BY: optional(oneOf(DELETE_USER_PLACES, 'body')),
  ATOMIC_EMPLOYER_MATCHES_PATH: optional(resultPath),
  ATOMIC_RECURRING_TRANSACTIONS_PATH: optional({
    ...resultPath,
    example: '/recurring-financial-transactions/{identifier}',
  }),
};
const ATOMIC_WEBHOOKS = {
  ATOMIC_WEBHOOK_SECRETS: optional(list(secret('new-secret'), 'new-secret,old-secret')),
};
const HTTP = {
  PORT: withDefault(port('3000'), 3000),
  PUBLIC_URL: optional(httpUrl('https://links.example.com')),
  TRUST_PROXY: withDefault(list(word('10.0.0.0/8')), []),
};
const DAY_MS = 86_400_000;
const WORK = {
  WORKER_PORT: withDefault(port('3001'), 3001),
  WORKER_MAX_CACHED_WORKFLOWS: optional(wholeNumber(4, 1_000_000, '500')),
  WORKER_MAX_CONCURRENT_ACTIVITIES: withDefault(wholeNumber(1, 10_000, '200'), 200),
  WORKER_MAX_CONCURRENT_WORKFLOW_TASKS: withDefault(wholeNumber(2, 10_000, '100'), 100),
  RESULT_OVERDUE_AFTER: withDefault(duration('15m', 1_000), 15 * 60_000),
  RESULT_GIVE_UP_AFTER: withDefault(duration('7d', 1_000), 7 * DAY_MS),
  WAIT_FOR_HISTORY: withDefault(duration('2m', 0), 0),
  REMOVE_ITEM_ON_UNLINK: withDefault(trueOrFalse, true),
  NOTIFY_URL: optional(httpUrl('https://backend.example.com/webhooks/links', { query: true })),
  NOTIFY_SECRET: optional(list(webhookSecret)),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(httpUrl('http://127.0.0.1:4317')),
  TEMPORAL_DEPLOYMENT_NAME: optional(word('processor-link')),
  TEMPORAL_WORKER_BUILD_ID: optional(word('2025-03-01.1')),
};
const CODEC = {
  CODEC_PORT: withDefault(port('3002'), 3002),
  CODEC_TOKEN: withDefault(list(secret('mZ4tq8Wn1Kc7Rb3x', 8)), []),
  CODEC_JWKS_URL: optional(providerUrl('https://login.example.com/.well-known/jwks.json')),
  CODEC_ISSUER: optional(word('https://login.example.com/')),
  CODEC_AUDIENCE: optional(word('temporal-ui')),
  TEMPORAL_UI_ORIGIN: withDefault(list(origin), [origin.example]),
};

export const apiSchema = z.object({
  ...SHARED,
  ...TEMPORAL,
  ...PLAID,
  ...HTTP,
  ...ATOMIC_WEBHOOKS,
  API_KEYS: required(list(apiKey, `${apiKey.example},batch:Qw5Lk9Tz3Hn7Ys2C`)),
  ATOMIC_API_SECRET: optional(atomicApiSecret),
});
export const workerSchema = z.object({
  ...SHARED,
  ...TEMPORAL,
  ...PLAID,
  ...ATOMIC_PLACE,
  ...WORK,
  ATOMIC_API_KEY: required(atomicApiKey),
  ATOMIC_API_SECRET: required(atomicApiSecret),
});
export const codecSchema = z.object({ ...SHARED, ...TEMPORAL, ...CODEC });
/** `start` and `demo`: everything at once, on one machine; what is left out is simulated or made up. */
export const localSchema = z.object({
  ...SHARED,
  ...TEMPORAL,
  ...PLAID_PLACE,
  ...ATOMIC_PLACE,
  ...ATOMIC_WEBHOOKS,
  ...HTTP,
  ...WORK,
  ...CODEC,
  API_KEYS: optional(list(apiKey)),
  PLAID_CLIENT_ID: optional(plaidClientId),
  PLAID_SECRET: optional(plaidSecret),
  ATOMIC_API_KEY: optional(atomicApiKey),
  ATOMIC_API_SECRET: optional(atomicApiSecret),
});
/** Commands that only talk to Temporal: `keys`, `search-attributes`. */
export const commandSchema = z.object({ ...SHARED, ...TEMPORAL });
