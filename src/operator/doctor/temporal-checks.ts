/** What has to be true of Temporal and of its workers. */
import { type Connection, type ConnectionLike, isGrpcServiceError, ServiceError } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { SEARCH_ATTRIBUTE_TYPES } from '../../contract/names';
import { GRPC_STATUS } from '../../temporal/grpc-status';
import { countReportedProblems } from '../links/open-links';
import type { StuckLinks } from '../links/stuck-links';
import { millisecondsOf } from '../links/temporal-values';
import { type Check, check, fine, type Verdict, wrong } from './check';

export interface TemporalPlace {
  connection: Connection;
  address: string;
  namespace: string;
  taskQueue: string;
  /** Undefined where worker versioning is not used. */
  deployment: { name: string; buildId: string } | undefined;
}

/** As much of it as a worker's own connection can look at. */
export type NamespacePlace = Pick<TemporalPlace, 'namespace' | 'deployment'> & { connection: ConnectionLike };

const TIMEOUT_MS = 4_000;
const LEAST_RETENTION_HOURS = 24;
const { IndexedValueType, TaskQueueType } = temporal.api.enums.v1;
const TYPES = {
  Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  KeywordList: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
  Datetime: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
} as const;

/** Whether Temporal answers for the namespace: nothing else about it can be looked at where it does not. */
export function checkReachable({ connection, address, namespace }: TemporalPlace): Promise<Check> {
  const fix = 'Set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE right, and see that the server runs.';
  const look = async (): Promise<Verdict> => {
    try {
      await connection.withDeadline(Date.now() + 2_500, () =>
        connection.workflowService.describeNamespace({ namespace }),
      );
      return fine(`${address} answers for the namespace ${namespace}.`);
    } catch (error) {
      const cause = error instanceof ServiceError ? error.cause : error;
      return isGrpcServiceError(cause) && cause.code === GRPC_STATUS.NOT_FOUND
        ? wrong(`${address} has no namespace ${namespace}.`, fix)
        : wrong(`${address} does not answer.`, fix);
    }
  };
  return check('temporal', look, { timeoutMs: TIMEOUT_MS, fix });
}

/** The checks that cost next to nothing: also made when a worker starts. */
export function cheapTemporalChecks(place: NamespacePlace): Promise<Check[]> {
  return Promise.all([checkRetention(place), checkSearchAttributes(place), checkDeployment(place)]);
}

function checkRetention({ connection, namespace }: NamespacePlace): Promise<Check> {
  const fix = `temporal operator namespace update --namespace ${namespace} --retention 30d`;
  const look = async () => {
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    const hours = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 3_600;
    const message = `A closed link can be read for ${hours} hours.`;
    return hours >= LEAST_RETENTION_HOURS ? fine(message) : wrong(message, fix);
  };
  return check('retention', look, { timeoutMs: TIMEOUT_MS, fix });
}

function checkSearchAttributes({ connection, namespace }: NamespacePlace): Promise<Check> {
  const fix = 'npm run search-attributes';
  const look = async () => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = SEARCH_ATTRIBUTE_TYPES.filter(([name]) => customAttributes[name] === undefined);
    const other = SEARCH_ATTRIBUTE_TYPES.filter(
      ([name, type]) => customAttributes[name] !== undefined && customAttributes[name] !== TYPES[type],
    );
    if (other.length > 0) {
      const names = other.map(([name, type]) => `${name} is not of type ${type}`).join(', ');
      return wrong(`${names}.`, 'Remove the attribute, or use another namespace.');
    }
    if (missing.length > 0) return wrong(`Missing: ${missing.map(([name]) => name).join(', ')}.`, fix);
    return fine('Links can be found by their search attributes.');
  };
  return check('search-attributes', look, { timeoutMs: TIMEOUT_MS, fix });
}

/** With worker versioning, workers of a build that is not promoted take nothing. */
function checkDeployment({ connection, namespace, deployment }: NamespacePlace): Promise<Check> {
  const fix =
    deployment === undefined
      ? ''
      : `temporal worker deployment set-current-version --deployment-name ${deployment.name} --build-id ${deployment.buildId} --yes`;
  const look = async () => {
    if (!deployment) return fine('Worker versioning is not used: any worker takes links.');
    const current = await currentBuild(connection, { namespace, deploymentName: deployment.name });
    return current
      ? fine(`The current build of ${deployment.name} is ${current}.`)
      : wrong(`No build of ${deployment.name} is current, so no link is taken.`, fix);
  };
  return check('current-version', look, { timeoutMs: TIMEOUT_MS, fix });
}

/** Undefined too where none of its workers has polled yet. */
async function currentBuild(
  { workflowService }: ConnectionLike,
  request: { namespace: string; deploymentName: string },
): Promise<string | undefined> {
  try {
    const { workerDeploymentInfo } = await workflowService.describeWorkerDeployment(request);
    return workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId ?? undefined;
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === GRPC_STATUS.NOT_FOUND) return undefined;
    throw error;
  }
}

/** A worker as Temporal has it: also one that was killed, for minutes. */
export interface Poller {
  identity: string;
  /** Milliseconds since 1970: when it began to wait for work last, which it does each minute. */
  polledMs: number;
}

export interface Pollers {
  forLinks: Poller[];
  forSteps: Poller[];
}

export async function readPollers({ connection, namespace, taskQueue }: TemporalPlace): Promise<Pollers> {
  const of = async (taskQueueType: number) => {
    const request = { namespace, taskQueue: { name: taskQueue }, taskQueueType };
    const { pollers } = await connection.workflowService.describeTaskQueue(request);
    return pollers.map(({ identity, lastAccessTime }) => ({
      identity: identity ?? '',
      polledMs: millisecondsOf(lastAccessTime) ?? 0,
    }));
  };
  const [forLinks, forSteps] = await Promise.all([
    of(TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
    of(TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
  ]);
  return { forLinks, forSteps };
}

/** Whether workers poll for links and for their steps. `isAlive` proves that one is there, where it can. */
export function checkWorkers(
  { taskQueue }: TemporalPlace,
  { pollers, isAlive }: { pollers: Promise<Pollers>; isAlive: () => Promise<boolean | undefined> },
): Promise<Check> {
  const fix = 'npm run worker';
  const look = async () => {
    const [{ forLinks, forSteps }, hasAnswered] = await Promise.all([pollers, isAlive()]);
    if (forLinks.length === 0 || forSteps.length === 0) {
      return wrong(`No worker polls the task queue ${taskQueue}.`, fix);
    }
    // Temporal may have it listed still.
    if (hasAnswered === false) {
      return wrong(`No worker of the task queue ${taskQueue} answers for a link.`, fix);
    }
    return fine(`Workers poll the task queue ${taskQueue}${hasAnswered ? ', and one has answered' : ''}.`);
  };
  return check('workers', look, { timeoutMs: TIMEOUT_MS, fix });
}

/** What stands still now, as `npm run links -- stuck` says it. */
export function checkLinks(place: TemporalPlace, stuck: Promise<StuckLinks>): Promise<Check> {
  const fix = 'npm run links -- stuck';
  const look = async () => {
    const [found, problems] = await Promise.all([stuck, countReportedProblems(place)]);
    const reported = problems === 0 ? '' : ` Temporal reports problems of ${problems} links.`;
    if (found.rows.length === 0 && problems === 0)
      return fine(`None of ${found.open} open links stands still.`);
    const message = `${found.rows.length} of ${found.open} open links stand still: ${byCode(found)}.${reported}`;
    const isOurMove = found.rows.some(({ move }) => move === 'operator');
    return isOurMove || problems > 0 ? wrong(message, fix) : fine(message);
  };
  return check('links', look, { timeoutMs: 2 * TIMEOUT_MS, fix });
}

function byCode({ rows }: StuckLinks): string {
  const codes = [...new Set(rows.map(({ code }) => code))];
  return codes.map((code) => `${rows.filter((row) => row.code === code).length} ${code}`).join(', ');
}
