/** Everything in one process, for `npm start` and `npm run demo`: Temporal aside, which is a child of it. */

import { setTimeout as sleep } from 'node:timers/promises';
import { API_SCOPES } from '../contract/scopes';
import { encryptedPayloadCounter, gaugeKeys } from '../process/encryption-metrics';
import { keepSearchAttributes } from '../process/keep-search-attributes';
import { urlOf } from '../process/listen';
import { processMetrics } from '../process/process-metrics';
import { measureProviders } from '../process/provider-metrics';
import type { Running, StartContext } from '../process/run-entry';
import { startApi } from '../process/start-api';
import { startCodec } from '../process/start-codec';
import { StartError } from '../process/start-error';
import { atomicOf, keyRingOf, plaidOf, sealingKeysOf } from '../process/wiring';
import type { Atomic, Plaid } from '../providers/types';
import { watchBoth } from '../providers/watch-requests';
import type { ApiKeySetting } from '../settings/rules';
import type { LocalSettings } from '../settings/schemas';
import { DATA_FOLDER, ensureDataFolder } from '../system/data-folder';
import { claimPort } from '../system/free-port';
import { Secret } from '../system/secret';
import { startTracing } from '../tracing/start-tracing';
import { traceProviders } from '../tracing/trace-providers';
import { connectWhenReady } from '../worker/connect-when-ready';
import { measureSteps } from '../worker/metrics';
import { installRuntime } from '../worker/sdk-runtime';
import { loadWorkflows, startWorker } from '../worker/start-worker';
import { DemoEvents } from './demo-events';
import { addDemoPage } from './demo-page';
import { type LocalProviders, startLocalProviders } from './providers';
import { startLocalTemporal } from './temporal';
import { watchCalls } from './watch-calls';

/** Of `npm start` and the demo where API_KEYS is not set: no secret, and of no use anywhere else. */
const DEVELOPMENT_API_KEY = 'dev-key-for-this-machine';
/** Steps in flight are cut off sooner than in production: somebody waits at a terminal. */
const DRAIN_MS = 3_000;

const LOOPBACK = '127.0.0.1';

export interface LocalStackOptions extends StartContext<LocalSettings> {
  env: { PATH?: string | undefined; XDG_CACHE_HOME?: string | undefined };
  taskQueue: string;
  /** Wanted ports. Temporal's and the UI's give way to free ones when they are taken; 0 takes a free one. */
  ports: { api: number; codec: number; temporal: number; ui: number };
  dbFile?: string;
  /** Keeps what the simulators hold. */
  simulatorStateFile?: string;
  jobDelayMs: number;
  say: (line: string) => void;
  /** Serves the page that links a user. */
  demoPage?: boolean;
  /** Wraps the clients of the providers, to watch their calls. */
  watch?: { plaid(plaid: Plaid): Plaid; atomic(atomic: Atomic): Atomic };
}

export interface LocalStack extends Running {
  ended: Promise<void>;
  apiUrl: string;
  publicUrl: string;
  /** To show to the developer; undefined where API_KEYS names secret ones. */
  shownApiKey: string | undefined;
  apiKey: Secret;
  codecUrl: string;
  temporalAddress: string;
  uiUrl: string | undefined;
  namespace: string;
  plaid: Plaid;
  providers: LocalProviders;
}

/** Starts it all, each part once those it needs are there. What was started is stopped again when a later part fails. */
export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const undo: (() => Promise<unknown>)[] = [];
  const closeAll = async () => {
    for (const close of undo.splice(0).reverse()) await close();
  };
  try {
    return { ...(await start(options, undo)), close: closeAll };
  } catch (error) {
    await closeAll().catch(() => undefined);
    throw error;
  }
}

async function start(
  options: LocalStackOptions,
  undo: (() => Promise<unknown>)[],
): Promise<Omit<LocalStack, 'close'>> {
  const { settings, logger, audit, stop, ports, taskQueue, dbFile, say, watch } = options;
  const { http, work } = settings;
  const { namespace } = settings.temporal;
  await ensureDataFolder(DATA_FOLDER);
  const keyRing = await keyRingOf(settings.temporal, logger);
  const { readMetrics, taskLost } = await installRuntime({ logger, otlpEndpoint: work.otlpEndpoint });
  // Of API and worker together, at the API's /metrics.
  const metrics = processMetrics({ more: readMetrics, buildId: work.deployment?.buildId });
  const tracing = startTracing({ endpoint: work.otlpEndpoint, part: 'local', logger });
  undo.push(tracing.stop);
  const watched = watchBoth(traceProviders, measureProviders(metrics));
  gaugeKeys(metrics, keyRing);
  const onPayloadEncrypted = encryptedPayloadCounter(metrics);

  const apiPort = await claimOwnPort(http.host, ports.api, 'PORT');
  const apiUrl = urlOf(http.host, apiPort);
  const publicUrl = http.publicUrl ?? apiUrl;
  const uiPort = await claimOrFree(ports.ui);
  const codec = await startCodec({
    codec: {
      ...settings.codec,
      port: ports.codec,
      uiOrigins: [...settings.codec.uiOrigins, `http://localhost:${uiPort}`, urlOf(LOOPBACK, uiPort)],
    },
    namespace,
    keyRing,
    logger,
    audit,
  });
  undo.push(codec.close);

  // Takes as long as the server needs to start.
  const bundle = loadWorkflows(logger);
  bundle.catch(() => undefined);
  const temporal = await startLocalTemporal(settings, options.env, {
    port: await claimOrFree(ports.temporal),
    uiPort,
    codecEndpoint: codec.url,
    ...(dbFile !== undefined && { dbFile }),
    say,
  });
  undo.push(temporal.stop);
  const { connectConfig } = temporal;
  const connection = await connectWhenReady({ connectConfig, namespace, logger, stop, patienceMs: 15_000 });
  undo.push(() => connection.close());
  if (settings.temporalIsGiven) {
    const attributes = keepSearchAttributes({ connection, namespace, logger });
    stop.addEventListener('abort', attributes.stop, { once: true });
    await attributes.done;
  }

  const providers = await startLocalProviders(settings, {
    publicUrl,
    jobDelayMs: options.jobDelayMs,
    stateFile: options.simulatorStateFile,
  });
  undo.push(providers.close);
  const events = options.demoPage ? new DemoEvents() : undefined;
  const plaid = events
    ? watchCalls(plaidOf(providers.plaid, watched), (call) => events.add({ who: 'to Plaid', ...call }))
    : plaidOf(providers.plaid, watched);
  const atomic = events
    ? watchCalls(atomicOf(providers.atomic, watched), (call) => events.add({ who: 'to Atomic', ...call }))
    : atomicOf(providers.atomic, watched);
  const worker = await startWorker({
    connection,
    namespace,
    taskQueue,
    keyRing,
    plaid: watch ? watch.plaid(plaid) : plaid,
    atomic: watch ? watch.atomic(atomic) : atomic,
    work,
    interceptor: measureSteps(metrics),
    onPayloadEncrypted,
    bundle,
    logger,
    drainMs: DRAIN_MS,
  });
  undo.push(worker.close);
  void taskLost.then(worker.close).catch(() => undefined);
  const apiKeys = settings.apiKeys ?? [developmentKey()];
  const apiKey = (apiKeys[0] ?? developmentKey()).key;
  const api = await startApi({
    connection,
    namespace,
    taskQueue,
    keyRing,
    sealingPublicKey: settings.sealingPublicKey ?? sealingKeysOf(work, keyRing).publicKey,
    plaid,
    plaidEnvironment: providers.plaid.environment,
    http: { ...http, port: apiPort, publicUrl },
    hostNames: [new URL(publicUrl).hostname, http.host],
    atomicEvents: settings.atomicEvents,
    secrets: {
      apiKeys,
      atomicWebhookSecrets:
        settings.atomicWebhookSecrets.length > 0
          ? settings.atomicWebhookSecrets
          : [providers.atomic.apiSecret],
    },
    metrics,
    onPayloadEncrypted,
    logger,
    audit,
    eagerStart: true,
    ...(events && {
      extend: (app) =>
        addDemoPage(app, {
          providers,
          events,
          apiKey,
          publicUrl,
          workflowsUrl: temporal.uiUrl && `${temporal.uiUrl}/namespaces/${namespace}/workflows`,
        }),
    }),
  });
  undo.push(api.close);
  while (!worker.isPolling()) await sleep(10, undefined, { signal: stop });

  return {
    ended: Promise.race([temporal.ended, worker.ended, api.ended]).then(() => {
      throw new StartError('A part of it ended by itself.');
    }),
    apiUrl,
    publicUrl,
    shownApiKey: settings.apiKeys ? undefined : DEVELOPMENT_API_KEY,
    apiKey,
    codecUrl: codec.url,
    temporalAddress: temporal.address,
    uiUrl: temporal.uiUrl,
    namespace,
    plaid,
    providers,
  };
}

function developmentKey(): ApiKeySetting {
  return { name: 'development', key: new Secret(DEVELOPMENT_API_KEY), scopes: API_SCOPES };
}

async function claimOwnPort(host: string, port: number, variable: string): Promise<number> {
  try {
    return await claimPort(host, port);
  } catch {
    throw new StartError(`Port ${port} on ${host} is taken. End what uses it, or set ${variable}.`);
  }
}

async function claimOrFree(port: number): Promise<number> {
  return claimPort(LOOPBACK, port).catch(() => claimPort(LOOPBACK, 0));
}
