import { Client, type ConnectionLike } from '@temporalio/client';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { JobEvents } from '../contract/jobs';
import type { PlaidEnvironment } from '../contract/plaid';
import { createClientDataConverter } from '../encryption/client-data-converter';
import type { KeyRing } from '../encryption/key-ring';
import type { SealingPublicKey } from '../encryption/sealing-keys';
import { createApp } from '../http/api/app';
import type { ApiKey, LinkGateway } from '../http/api/deps';
import { drain } from '../http/server/drain';
import { LinkClient } from '../link-client/link-client';
import { countLinks } from '../link-client/link-count';
import type { AuditLog } from '../logging/audit-log';
import type { Logger } from '../logging/logger';
import type { Plaid } from '../providers/types';
import type { ApiKeySetting } from '../settings/rules';
import type { SettingsOf } from '../settings/schema';
import type { apiSchema, callersSchema } from '../settings/schemas';
import { claimPort } from '../system/free-port';
import { requestIdInterceptor, servingRequest } from '../temporal/request-id';
import { traceCalls } from '../tracing/trace-calls';
import type { PlaidKeyStore } from '../webhooks/plaid-key-cache';
import { keepSearchAttributes } from './keep-search-attributes';
import { gaugeLinks } from './link-gauge';
import { listenOn, urlOf } from './listen';
import type { Running } from './run-entry';
import { plaidVerifierOf } from './wiring';

type CallerSecrets = SettingsOf<typeof callersSchema>;

export interface ApiOptions {
  connection: ConnectionLike;
  namespace: string;
  taskQueue: string;
  keyRing: KeyRing;
  /** Default: derived from the key ring. */
  sealingPublicKey?: SealingPublicKey | undefined;
  plaid: Plaid;
  plaidEnvironment: PlaidEnvironment;
  /** Keeps Plaid's verification keys over a restart. */
  plaidKeys?: PlaidKeyStore;
  http: SettingsOf<typeof apiSchema>['http'];
  /** Names of Atomic's events; the documented ones by default. */
  atomicEvents?: JobEvents;
  secrets: CallerSecrets;
  /** Of this process; its own metrics are added. */
  metrics: Registry;
  /** Called for each payload with the id of the key that it was encrypted under. */
  onPayloadEncrypted?: (keyId: string) => void;
  logger: Logger;
  audit?: AuditLog;
  /** The only names, beside this machine's own, under which it answers. Default: any. */
  hostNames?: readonly string[];
  /** The connection is shared with a worker of this process. */
  eagerStart?: boolean;
  /** Adds what only development has, before it listens. */
  extend?(app: FastifyInstance): void;
}

export interface RunningApi extends Running {
  drain(): Promise<void>;
  /** Rejects when Temporal is not set up as it has to be. */
  ended: Promise<never>;
  /** Where it listens. */
  url: string;
  /** From now on these keys and secrets count. */
  use(secrets: CallerSecrets): void;
}

/** A scrape waits no longer for it: Prometheus gives up after 10 s by default. */
const COUNT_TIMEOUT_MS = 2_000;

/** The HTTP API, listening. It does not wait for Temporal: routes that need it answer 503 until it is there. */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { connection, namespace, taskQueue, keyRing, plaid, http, metrics, logger } = options;
  const dataConverter = createClientDataConverter({
    keyRing,
    namespace,
    ...(options.onPayloadEncrypted && { onEncrypted: options.onPayloadEncrypted }),
  });
  const client = new Client({
    connection,
    namespace,
    dataConverter,
    interceptors: { workflow: [traceCalls, requestIdInterceptor] },
  });
  const links = new LinkClient({
    client,
    keyRing,
    sealingPublicKey: options.sealingPublicKey,
    taskQueue,
    ...(options.eagerStart && { eagerStart: true }),
  });
  gaugeLinks(metrics, () => countLinks(client.workflow, COUNT_TIMEOUT_MS));

  let current = httpSecrets(options.secrets);
  // Plaid gets the address for webhooks, so the port has to be known before anything listens on it.
  const port = http.port === 0 ? await claimPort(http.host, 0) : http.port;
  const url = urlOf(http.host, port);
  const publicUrl = http.publicUrl ?? url;
  const app = createApp({
    links: followed(links),
    createLinkToken: (request, call) => plaid.createLinkToken(request, call),
    plaidEnvironment: options.plaidEnvironment,
    publicUrl,
    apiKeys: () => current.apiKeys,
    atomicWebhookSecrets: () => current.atomicWebhookSecrets,
    ...(options.atomicEvents && { atomicEvents: options.atomicEvents }),
    verifyPlaidWebhook: plaidVerifierOf(plaid, options.plaidKeys),
    logger,
    ...(options.audit && { audit: options.audit }),
    metrics,
    ...(options.hostNames && { hostNames: options.hostNames }),
    ...(http.trustProxy && { trustProxy: http.trustProxy }),
  });
  options.extend?.(app);
  await listenOn(app, { host: http.host, port, variable: 'PORT' });
  logger.info({ url, publicUrl, apiKeys: current.apiKeys.map(({ name }) => name) }, 'api is listening');
  const attributes = keepSearchAttributes({ connection, namespace, logger });

  return {
    url,
    use(secrets) {
      current = httpSecrets(secrets);
    },
    drain: () => drain(app, http.drainDelayMs),
    ended: failureOf(attributes.done),
    async close() {
      attributes.stop();
      await app.close();
      await links.close();
      logger.info('api has stopped');
    },
  };
}

/** Settles only where the work fails. */
function failureOf(work: Promise<void>): Promise<never> {
  const failure = new Promise<never>((_, reject) => work.catch(reject));
  failure.catch(() => undefined);
  return failure;
}

/** The links as the API uses them: what a request sets going carries its id. */
function followed(links: LinkClient): LinkGateway {
  return {
    start: (request, { requestId } = {}) => servingRequest(requestId, () => links.start(request)),
    get: (userId) => links.get(userId),
    hasOpenLink: (userId) => links.hasOpenLink(userId),
    list: (query) => links.list(query),
    runJob: (userId, job, { requestId } = {}) => servingRequest(requestId, () => links.runJob(userId, job)),
    waitForJob: (userId, job, options) => links.waitForJob(userId, job, options),
    unlink: (userId, options) => links.unlink(userId, options),
    eraseUser: (userId, options) => links.eraseUser(userId, options),
    createRepairLinkToken: (userId, { requestId, ...appearance } = {}) =>
      servingRequest(requestId, () => links.createRepairLinkToken(userId, appearance)),
    chooseAccount: (userId, accountId, { requestId } = {}) =>
      servingRequest(requestId, () => links.chooseAccount(userId, accountId)),
    confirmRepair: (userId, { requestId } = {}) =>
      servingRequest(requestId, () => links.confirmRepair(userId)),
    signalAtomicWebhook: (userId, signal, { requestId } = {}) =>
      servingRequest(requestId, () => links.signalAtomicWebhook(userId, signal)),
    signalPlaidWebhook: (userId, signal, { requestId } = {}) =>
      servingRequest(requestId, () => links.signalPlaidWebhook(userId, signal)),
    checkReachable: () => links.checkReachable(),
  };
}

function httpSecrets({ apiKeys, atomicWebhookSecrets }: CallerSecrets): {
  apiKeys: readonly ApiKey[];
  atomicWebhookSecrets: readonly string[];
} {
  return {
    apiKeys: apiKeys.map(toApiKey),
    atomicWebhookSecrets: atomicWebhookSecrets.map((secret) => secret.reveal()),
  };
}

/** A key without a name is called by its place in the list. */
function toApiKey({ name, key, scopes }: ApiKeySetting, index: number): ApiKey {
  return { name: name ?? `key-${index + 1}`, key: key.reveal(), scopes };
}
