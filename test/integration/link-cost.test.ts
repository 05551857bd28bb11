/** A gate on counts, not on clocks: a change that makes a link dearer for its server has to change a figure here. */
import { costOfHistory, type HistoryCost } from '../../bench/history-cost';
import { startMeteredServer } from '../../bench/metered-server';
import { startProductApp } from '../../bench/product-app';
import { type Calls, readCalls, type ServerCalls } from '../../bench/server-meter';
import * as standIns from '../../bench/stand-ins';
import type { Job } from '../../src/contract/jobs';
import { SEARCH_ATTRIBUTE_TYPES } from '../../src/contract/names';
import { createLogger } from '../../src/logging/logger';
import { EMPLOYER, type Handle, RECURRING, viewWhen, webhook } from '../support/link-calls';
import { openInTests } from '../support/open-in-tests';
import { useSdkLog } from '../support/sdk-log';
import { temporalServer } from '../support/temporal';
import { until } from '../support/until';
import { workflowBundle } from '../support/workflow-bundle';
import { useWorld, type World } from '../support/world';

/** Enough for a call that is counted late to be a small part of one link's. */
const LINKS = 20;
/** Of the server, for a task that no poller is waiting for: a matter of timing. */
const STORED_TASKS = new Set(['CreateTasks', 'GetTasks', 'CompleteTasksLessThan', 'UpdateTaskQueue']);
const TASKS = 6;
const TASKS_BEFORE_WEBHOOK = 4;

describe('where every step succeeds at once', () => {
  const world = useWorld();

  it('links one job with 36 events, 6 workflow tasks and 9 actions', async () => {
    const cost = await costOfLink(world, [EMPLOYER]);
    expect(cost.byType).toEqual({
      WORKFLOW_EXECUTION_STARTED: 1,
      WORKFLOW_EXECUTION_SIGNALED: 1,
      // The start, the webhook, and one after each step.
      WORKFLOW_TASK_SCHEDULED: 6,
      WORKFLOW_TASK_STARTED: 6,
      WORKFLOW_TASK_COMPLETED: 6,
      // Exchange, processor token, registration, result.
      ACTIVITY_TASK_SCHEDULED: 4,
      ACTIVITY_TASK_STARTED: 4,
      ACTIVITY_TASK_COMPLETED: 4,
      // For a webhook that does not come, and for the age of the run.
      TIMER_STARTED: 2,
      TIMER_CANCELED: 1,
      // `linked`.
      UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 1,
    });
    expect(cost).toMatchObject({ events: 36, workflowTasks: 6, actions: 9 });
    expect(cost.bytes).toBeLessThanOrEqual(12_700);
  });

  it('links both jobs with at most 52 events, 9 workflow tasks and 12 actions', async () => {
    const cost = await costOfLink(world, [EMPLOYER, RECURRING]);
    expect(cost.byType).toMatchObject({
      ACTIVITY_TASK_COMPLETED: 6,
      UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 1,
      // Both jobs wait by the same timer.
      TIMER_STARTED: 2,
      TIMER_CANCELED: 1,
    });
    // Registrations that are answered together are taken by one task.
    expect(cost.events).toBeLessThanOrEqual(52);
    expect(cost.workflowTasks).toBeLessThanOrEqual(9);
    expect(cost.actions).toBe(12);
    expect(cost.bytes).toBeLessThanOrEqual(18_700);
  });
});

describe('on a server of its own', () => {
  useSdkLog();
  const service = openInTests(openService);

  it('costs a link 18 RPCs, 25 calls to the database and 3 to the visibility store', async () => {
    // Whatever is done once for a worker or a namespace has been done then.
    const before = await service.link(1);
    const after = await service.link(LINKS);
    expect(perLink(after.rpcs, before.rpcs)).toEqual({
      StartWorkflowExecution: 1,
      // The look at the user's newest run.
      DescribeWorkflowExecution: 1,
      SignalWorkflowExecution: 1,
      // The first task comes with the answer to the start.
      PollWorkflowTaskQueue: TASKS - 1,
      RespondWorkflowTaskCompleted: TASKS,
      // Each step comes with the answer to the task that asks for it, so nobody polls for it.
      RespondActivityTaskCompleted: 2,
      RespondActivityTaskCompletedById: 2,
    });
    expect(perLink(after.persistence, before.persistence)).toEqual({
      CreateWorkflowExecution: 1,
      GetCurrentExecution: 2,
      GetWorkflowExecution: 1,
      ReadHistoryBranch: 5,
      UpdateWorkflowExecution: 16,
    });
    expect(perLink(after.visibility, before.visibility)).toEqual({
      RecordWorkflowExecutionStarted: 1,
      UpsertWorkflowExecution: 2,
    });
  });
});

it('carries no schema library into the workflow bundle', async () => {
  const { code } = await workflowBundle();
  expect(code).toContain('workflows/processor-link');
  expect(code).not.toMatch(/node_modules\/zod/);
});

/** To the nearest whole, so that what is done now and then is left out; without the tasks that found no poller waiting. */
function perLink(after: Calls, before: Calls): Calls {
  const costs = Object.entries(after).map(([call, count]) => {
    return [call, Math.round((count - (before[call] ?? 0)) / LINKS)] as const;
  });
  return Object.fromEntries(costs.filter(([call, count]) => count > 0 && !STORED_TASKS.has(call)));
}

/** The service as `npm run bench` drives it: API and worker over one connection, against stand-ins of Plaid and Atomic. */
async function openService() {
  const server = await startMeteredServer({
    serverPath: await temporalServer(),
    searchAttributes: SEARCH_ATTRIBUTE_TYPES,
  });
  const providersUrl = await standIns.listen();
  const app = await startProductApp({
    temporalAddress: server.address,
    providersUrl,
    bundle: await workflowBundle(),
    logger: createLogger({ name: 'test', level: 'error' }),
    onResult: () => undefined,
  });
  let linked = 0;
  const calls = () => readCalls(server.metricsUrl, server.namespace);
  const tasksAnswered = (tasks: number) =>
    until(calls, ({ rpcs }) => (rpcs.RespondWorkflowTaskCompleted ?? 0) >= tasks);
  return {
    /** Links so many users, and answers the server's calls until then. Nobody looks at a link meanwhile. */
    async link(users: number): Promise<ServerCalls> {
      standIns.aim({ webhookUrl: app.webhookUrl, hold: true });
      for (let user = 1; user <= users; user += 1) await app.start(`user-${linked + user}`);
      // A webhook that came before the registering task is over would be taken by a task of its own.
      await tasksAnswered(linked * TASKS + users * TASKS_BEFORE_WEBHOOK);
      await standIns.release();
      linked += users;
      await tasksAnswered(linked * TASKS);
      return until(calls, ({ visibility }) => (visibility.UpsertWorkflowExecution ?? 0) >= linked * 2);
    },
    async close() {
      await app.close();
      standIns.close();
      await server.stop();
    },
  };
}

/** Links a user, with the webhooks one after the other, and answers what is in the history by then. */
async function costOfLink(world: World, jobs: Job[]): Promise<HistoryCost> {
  const { handle } = await world.start({ jobs });
  // A webhook that came before the registering task is over would be taken by a task of its own.
  await viewWhen(handle, (view) => jobs.every((job) => view.jobs[job]?.state === 'registered'));
  await restingWhen(handle, () => true);
  for (const job of jobs) {
    await webhook(handle, job);
    await viewWhen(handle, (view) => view.jobs[job]?.state === 'completed');
    await restingWhen(handle, () => true);
  }
  return costOfHistory(await handle.fetchHistory());
}

/** Waits until no workflow task is under way and the history is as wanted. */
async function restingWhen(handle: Handle, wanted: (cost: HistoryCost) => boolean): Promise<void> {
  await until(
    async () => costOfHistory(await handle.fetchHistory()),
    (cost) => cost.byType.WORKFLOW_TASK_SCHEDULED === cost.workflowTasks && wanted(cost),
  );
}
