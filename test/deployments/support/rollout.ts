import { randomUUID } from 'node:crypto';
import { isGrpcServiceError } from '@temporalio/client';
import { temporal as proto } from '@temporalio/proto';
import { bundleWorkflowCode } from '@temporalio/worker';
import pino from 'pino';
import type { LinkView } from '../../../src/contract/schemas';
import { failureConverterPath } from '../../../src/encryption/data-converter';
import { workerSchema } from '../../../src/settings/schemas';
import { type RunningWorker, startWorker } from '../../../src/worker/start-worker';
import { newEncryptionKey } from '../../support/ground';
import { EMPLOYER, getLink, type Handle, RECURRING, webhook } from '../../support/link-calls';
import { until } from '../../support/until';
import { workflowBundle } from '../../support/workflow-bundle';
import { startWorld, type World } from '../../support/world';

const PATIENCE_MS = 40_000;
const ROUTING_IN_PROGRESS =
  proto.api.enums.v1.RoutingConfigUpdateState.ROUTING_CONFIG_UPDATE_STATE_IN_PROGRESS;

/** Builds of the workflow: the present one, and the same with the change of `next-build.ts`. */
export type Code = 'present' | 'next';

/** A deployment of the service, whose builds are workers in this process. */
export interface Rollout {
  world: World;
  /** Starts a worker of a build; without a build id, one without versioning. Resolves once Temporal knows it. */
  deploy(buildId: string | undefined, code?: Code): Promise<RunningWorker>;
  /** As `temporal worker deployment set-current-version` does. */
  promote(buildId: string): Promise<void>;
  /** Gives a build a share of the links, in percent. */
  ramp(buildId: string, percentage: number): Promise<void>;
  close(): Promise<void>;
}

export async function startRollout(): Promise<Rollout> {
  const encryptionKeys = newEncryptionKey('test');
  const world = await startWorld({ encryptionKeys, worker: 'none', providerTimeoutMs: PATIENCE_MS });
  const { temporal, nativeConnection, credentials, keyRing, providers, taskQueue } = world;
  const { namespace } = temporal;
  const name = `links-${randomUUID()}`;
  const workers: RunningWorker[] = [];

  /** Asks again while a busy server does not find the deployment that it has listed: it does within moments. */
  async function whenFound(ask: () => Promise<unknown>): Promise<void> {
    await until(async () => {
      try {
        await ask();
        return true;
      } catch (error) {
        if (String(error).includes('Worker Deployment not found')) return false;
        throw error;
      }
    });
  }

  /** Until the task queues know of it as well, Temporal may give a task to the build before. */
  async function route(change: () => Promise<unknown>): Promise<void> {
    await whenFound(change);
    await until(async () => {
      const { workflowService } = world.client;
      const description = { namespace, deploymentName: name };
      const { workerDeploymentInfo } = await workflowService.describeWorkerDeployment(description);
      return workerDeploymentInfo?.routingConfigUpdateState !== ROUTING_IN_PROGRESS;
    });
  }

  /** Temporal has noted that the version polls for workflows and activities, and can promote it. */
  async function isRegistered(buildId: string): Promise<boolean> {
    const { workflowService } = world.client;
    try {
      const { workerDeploymentInfo } = await workflowService.describeWorkerDeployment({
        namespace,
        deploymentName: name,
      });
      const { workerDeploymentVersionInfo } = await workflowService.describeWorkerDeploymentVersion({
        namespace,
        deploymentVersion: { deploymentName: name, buildId },
      });
      const versions = workerDeploymentInfo?.versionSummaries ?? [];
      const isKnown = versions.some(({ deploymentVersion }) => deploymentVersion?.buildId === buildId);
      return isKnown && workerDeploymentVersionInfo?.taskQueueInfos?.length === 2;
    } catch (error) {
      if (isGrpcServiceError(error)) return false;
      throw error;
    }
  }

  return {
    world,
    async deploy(buildId, code = 'present') {
      const { work } = workerSchema.read({
        ENCRYPTION_KEYS: encryptionKeys,
        PLAID_CLIENT_ID: credentials.clientId,
        PLAID_SECRET: credentials.secret,
        ATOMIC_API_KEY: credentials.apiKey,
        ATOMIC_API_SECRET: credentials.apiSecret,
        ...(buildId !== undefined && { TEMPORAL_DEPLOYMENT_NAME: name, TEMPORAL_WORKER_BUILD_ID: buildId }),
      });
      const worker = await startWorker({
        connection: nativeConnection,
        namespace,
        taskQueue,
        keyRing,
        ...providers,
        work,
        interceptor: () => ({}),
        logger: pino({ level: 'silent' }),
        bundle: code === 'next' ? nextBundle() : workflowBundle(),
        drainMs: 1_000,
      });
      workers.push(worker);
      await until(async () => worker.isPolling() && (buildId === undefined || (await isRegistered(buildId))));
      return worker;
    },
    promote: (buildId) =>
      route(() =>
        world.client.workflowService.setWorkerDeploymentCurrentVersion({
          namespace,
          deploymentName: name,
          buildId,
        }),
      ),
    ramp: (buildId, percentage) =>
      route(() =>
        world.client.workflowService.setWorkerDeploymentRampingVersion({
          namespace,
          deploymentName: name,
          buildId,
          percentage,
        }),
      ),
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
      await world.close();
    },
  };
}

/** The builds that have done the link's tasks, one after the other; `unversioned` for a worker without one. */
export async function buildsOf(handle: Handle): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  const builds = (events ?? []).flatMap(({ workflowTaskCompletedEventAttributes: completed }) =>
    completed ? [completed.deploymentVersion?.buildId || 'unversioned'] : [],
  );
  return builds.filter((build, index) => build !== builds[index - 1]);
}

export const isWaiting = (handle: Handle) =>
  comesTo(handle, ({ jobs }) => Object.values(jobs).every((job) => job?.state === 'registered'));
export const hasEmployer = (handle: Handle) =>
  comesTo(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'completed');
export const isLinked = (handle: Handle) => comesTo(handle, ({ state }) => state === 'linked');

/** Asks with pauses: many links at once would else keep each other from getting there. */
function comesTo(handle: Handle, holds: (view: LinkView) => boolean): Promise<LinkView> {
  return until(() => getLink(handle), holds);
}

/** Atomic's webhooks for both jobs, and the link linked by them. */
export async function finish(handle: Handle): Promise<void> {
  await webhook(handle, EMPLOYER);
  await webhook(handle, RECURRING);
  await isLinked(handle);
}

let next: Promise<{ code: string }> | undefined;

function nextBundle(): Promise<{ code: string }> {
  next ??= bundleWorkflowCode({
    workflowsPath: require.resolve('../../../workflows'),
    workflowInterceptorModules: [
      require.resolve('../next-build'),
      require.resolve('../../../workflows/sdk/interceptors'),
    ],
    failureConverterPath,
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error },
  });
  return next;
}
