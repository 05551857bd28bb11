/** A gate on counts, not on clocks: a change that makes a link dearer for its server has to change a figure here. */
import { Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { costOfHistory, type HistoryCost } from '../../bench/history-cost';
import type { Job } from '../../src/contract/jobs';
import {
  EMPLOYER,
  type Handle,
  type LinkWorld,
  type Path,
  RECURRING,
  startLinkWorld,
  viewWhen,
  webhook,
} from '../support/link-world';
import { realServer } from '../support/temporal';
import { workflowBundle } from '../support/workflow-bundle';

let connection: Connection;
let nativeConnection: NativeConnection;

beforeAll(async () => {
  const { address } = await realServer();
  connection = await Connection.connect({ address });
  nativeConnection = await NativeConnection.connect({ address });
});

afterAll(async () => {
  await connection?.close();
  await nativeConnection?.close();
});

describe('where every step succeeds at once', () => {
  const world = useWorld('fast');

  it('links one job with 21 events, 3 workflow tasks and 8 actions', async () => {
    const cost = await costOfLink(world(), [EMPLOYER]);
    expect(cost.byType).toEqual({
      WORKFLOW_EXECUTION_STARTED: 1,
      WORKFLOW_EXECUTION_SIGNALED: 1,
      WORKFLOW_TASK_SCHEDULED: 3,
      WORKFLOW_TASK_STARTED: 3,
      WORKFLOW_TASK_COMPLETED: 3,
      // The exchange.
      ACTIVITY_TASK_SCHEDULED: 1,
      ACTIVITY_TASK_STARTED: 1,
      ACTIVITY_TASK_COMPLETED: 1,
      // Processor token, registration, result: local activities.
      MARKER_RECORDED: 3,
      // For a webhook that does not come.
      TIMER_STARTED: 1,
      TIMER_CANCELED: 1,
      // `waiting` and `linked`.
      UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 2,
    });
    // Start, exchange, two tasks with local activities, signal; timer, two upserts.
    expect(cost).toMatchObject({ events: 21, workflowTasks: 3, actions: 8 });
    expect(cost.bytes).toBeLessThanOrEqual(7_200);
  });

  it('links both jobs with 29 events, 4 workflow tasks and 11 actions', async () => {
    const cost = await costOfLink(world(), [EMPLOYER, RECURRING]);
    expect(cost.byType).toMatchObject({ ACTIVITY_TASK_COMPLETED: 1, MARKER_RECORDED: 5 });
    expect(cost).toMatchObject({ events: 29, workflowTasks: 4, actions: 11 });
    expect(cost.bytes).toBeLessThanOrEqual(10_400);
  });
});

describe('where every local attempt fails', () => {
  const world = useWorld('slow');

  it('links one job with at most 41 events, 6 workflow tasks and 14 actions', async () => {
    const cost = await costOfLink(world(), [EMPLOYER]);
    expect(cost.byType).toMatchObject({ ACTIVITY_TASK_COMPLETED: 4, MARKER_RECORDED: 3 });
    expect(cost.events).toBeLessThanOrEqual(41);
    expect(cost.workflowTasks).toBeLessThanOrEqual(6);
    expect(cost.actions).toBeLessThanOrEqual(14);
    expect(cost.bytes).toBeLessThanOrEqual(12_700);
  });

  it('links both jobs with at most 61 events, 9 workflow tasks and 19 actions', async () => {
    const cost = await costOfLink(world(), [EMPLOYER, RECURRING]);
    expect(cost.byType).toMatchObject({ ACTIVITY_TASK_COMPLETED: 6, MARKER_RECORDED: 5 });
    expect(cost.events).toBeLessThanOrEqual(61);
    expect(cost.workflowTasks).toBeLessThanOrEqual(9);
    expect(cost.actions).toBeLessThanOrEqual(19);
    expect(cost.bytes).toBeLessThanOrEqual(18_700);
  });
});

it('carries no schema library into the workflow bundle', async () => {
  const { code } = await workflowBundle();
  expect(code).toContain('workflows/processor-link');
  expect(code).not.toMatch(/node_modules\/zod/);
});

function useWorld(path: Path): () => LinkWorld {
  let world: LinkWorld | undefined;
  beforeAll(async () => {
    world = await startLinkWorld({ connection, nativeConnection, path });
  });
  afterAll(() => world?.close());
  return () => {
    if (!world) throw new Error('The world is there once beforeAll has run.');
    return world;
  };
}

/** Links a user, with the webhooks one after the other, and answers what is in the history by then. */
async function costOfLink(world: LinkWorld, jobs: Job[]): Promise<HistoryCost> {
  const { handle } = await world.start({ jobs });
  // A webhook that came before the registering task is over would be taken by a task of its own.
  await restingWhen(handle, ({ byType }) => byType.TIMER_STARTED === jobs.length);
  for (const job of jobs) {
    await webhook(handle, job);
    await viewWhen(handle, (view) => view.jobs[job]?.state === 'completed');
    await restingWhen(handle, () => true);
  }
  return costOfHistory(await handle.fetchHistory());
}

/** Waits until no workflow task is under way and the history is as wanted. */
async function restingWhen(handle: Handle, wanted: (cost: HistoryCost) => boolean): Promise<void> {
  for (const endMs = Date.now() + 30_000; Date.now() < endMs; ) {
    const cost = costOfHistory(await handle.fetchHistory());
    if (cost.byType.WORKFLOW_TASK_SCHEDULED === cost.workflowTasks && wanted(cost)) return;
  }
  throw new Error('The history did not get there.');
}
