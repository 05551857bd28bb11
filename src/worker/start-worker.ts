import { getHeapStatistics } from 'node:v8';
import { ApplicationFailure } from '@temporalio/common';
import {
  type ActivityInterceptorsFactory,
  type NativeConnection,
  type WorkerOptions as SdkWorkerOptions,
  Worker,
  type WorkerDeploymentOptions,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import { createActivities } from '../../activities';
import { createErasureActivities } from '../../activities/erase-user';
import { createDataConverter } from '../encryption/data-converter';
import type { KeyRing } from '../encryption/key-ring';
import { createTokenOpener } from '../encryption/token-sealer';
import { type Logger, temporalLogger } from '../logging/logger';
import type { Running } from '../process/run-entry';
import { sealingKeysOf } from '../process/wiring';
import { createNotifier, NotificationError } from '../providers/notifier';
import type { Atomic, Plaid } from '../providers/types';
import type { WorkSettings } from '../settings/schemas';
import { requestIdIn, servedRequestId, servingRequest } from '../temporal/request-id';
import { UserRuns } from '../temporal/user-runs';
import { workerIdentity } from '../temporal/worker-identity';
import { traceSteps } from '../tracing/trace-steps';
import { workerCapacity } from './capacity';
import { holdAnswers } from './hold-answers';
import { withLeanThreads } from './threads/lean-threads';
import { workflowBundle } from './workflow-bundle';

/** Longer than the 40 s that an activity may take, so that one in flight can end by itself. */
const DRAIN_MS = 45_000;
/**
 * A task for a link in the cache waits so long for its worker, then goes to any. Reads of what a killed worker had cached
 * hang for that time, and the API gives up a read after 4 s. Where a backlog holds tasks for longer, links are replayed by
 * other workers, which costs milliseconds each.
 */
export const STICKY_QUEUE_MS = 3_000;
/** What has not ended by then never will. */
const FORCE_AFTER_DRAIN_MS = 15_000;

export interface WorkerOptions {
  connection: NativeConnection;
  namespace: string;
  taskQueue: string;
  keyRing: KeyRing;
  plaid: Plaid;
  atomic: Atomic;
  work: WorkSettings;
  interceptor: ActivityInterceptorsFactory;
  logger: Logger;
  /** Called for each payload with the id of the key that it was encrypted under. */
  onPayloadEncrypted?: (keyId: string) => void;
  /** Made beforehand, where that saves time. */
  bundle?: Promise<WorkflowBundleOption>;
  /** How long steps in flight may go on once it closes. Default {@link DRAIN_MS}. */
  drainMs?: number;
}

export interface RunningWorker extends Running {
  ended: Promise<void>;
  /** Whether it polls for workflows and activities. */
  isPolling(): boolean;
}

/** A worker for links, notifications and erasures, polling. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { connection, namespace, taskQueue, keyRing, work, logger, drainMs = DRAIN_MS } = options;
  const workerOptions: SdkWorkerOptions = {
    connection,
    namespace,
    taskQueue,
    identity: workerIdentity(keyRing.digest),
    workflowBundle: await (options.bundle ?? loadWorkflows(logger)),
    activities: {
      ...createErasureActivities(new UserRuns({ connection, namespace })),
      ...createActivities({
        plaid: options.plaid,
        atomic: options.atomic,
        sealer: createTokenOpener({ keys: sealingKeysOf(work, keyRing), namespace }),
        settings: work.link,
        postNotification: notificationPoster(work),
        requestId: servedRequestId,
      }),
    },
    dataConverter: createDataConverter({
      keyRing,
      namespace,
      ...(options.onPayloadEncrypted && { onEncrypted: options.onPayloadEncrypted }),
    }),
    interceptors: { activity: [holdAnswers, followRequest, traceSteps, options.interceptor] },
    reuseV8Context: true,
    stickyQueueScheduleToStartTimeout: STICKY_QUEUE_MS,
    ...workerCapacity(work, getHeapStatistics().heap_size_limit),
    shutdownGraceTime: drainMs,
    shutdownForceTime: drainMs + FORCE_AFTER_DRAIN_MS,
    ...(work.deployment && { workerDeploymentOptions: deploymentOptions(work.deployment) }),
  };
  const create = () => Worker.create(workerOptions);
  const worker = await (work.leanThreads ? withLeanThreads(create, { logger }) : create());
  const ended = worker.run();
  // Closing it reports the failure; until then there may be no listener.
  ended.catch(() => undefined);
  return {
    ended,
    isPolling() {
      const { runState, workflowPollerState, activityPollerState } = worker.getStatus();
      return runState === 'RUNNING' && workflowPollerState === 'POLLING' && activityPollerState === 'POLLING';
    },
    async close() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended;
    },
  };
}

/**
 * A link lives for years and over hundreds of deployments. Pinned to the build that it began with it would keep that build
 * running for as long, so it moves to the current one at its next task; the code stays replayable by patches.
 */
function deploymentOptions({ name, buildId }: { name: string; buildId: string }): WorkerDeploymentOptions {
  return {
    version: { deploymentName: name, buildId },
    useWorkerVersioning: true,
    defaultVersioningBehavior: 'AUTO_UPGRADE',
  };
}

/** Steps know the request that they serve, say so in their logs, and pass it on to the providers. */
const followRequest: ActivityInterceptorsFactory = () => {
  let requestId: string | undefined;
  return {
    inbound: {
      execute(input, next) {
        requestId = requestIdIn(input.headers);
        return servingRequest(requestId, () => next(input));
      },
    },
    outbound: {
      // Asked also for the lines of the SDK before and after the step.
      getLogAttributes: (input, next) => next(requestId === undefined ? input : { ...input, requestId }),
    },
  };
};

/** The workflow code. The bundler describes at length what it did, which is for debugging alone. */
export function loadWorkflows(logger: Logger): Promise<WorkflowBundleOption> {
  const lines = temporalLogger(logger);
  return workflowBundle({ ...lines, info: lines.debug });
}

function notificationPoster({
  notify,
}: WorkSettings): Parameters<typeof createActivities>[0]['postNotification'] {
  if (!notify) {
    return async () => {
      throw ApplicationFailure.nonRetryable('NOTIFY_URL is not set any more.', 'configuration_error');
    };
  }
  const post = createNotifier({ url: notify.url, secrets: notify.secrets.map((secret) => secret.reveal()) });
  return async (event, options) => {
    try {
      await post(event, options);
    } catch (error) {
      if (!(error instanceof NotificationError)) throw error;
      const { message, gone, retryAfterMs } = error;
      throw ApplicationFailure.create({
        type: gone ? 'provider_rejected' : 'provider_unavailable',
        message,
        nonRetryable: gone,
        ...(retryAfterMs !== undefined && { nextRetryDelay: retryAfterMs }),
      });
    }
  };
}
