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

  it('links one job with 36 events, 6 workflow tasks and 9 actions', async () => {
    const cost = await costOfLink(world(), [EMPLOYER]);
    expect(cost.byType).toEqual({
      WORKFLOW_EXECUTION_STARTED: 1,
      WORKFLOW_EXECUTION_SIGNALED: 1,
      WORKFLOW_TASK_SCHEDULED: 6,
      WORKFLOW_TASK_STARTED: 6,
      WORKFLOW_TASK_COMPLETED: 6,
      // Exchange, processor token, registration, result.
      ACTIVITY_TASK_SCHEDULED: 4,
      ACTIVITY_TASK_STARTED: 4,
      ACTIVITY_TASK_COMPLETED: 4,
      // For a webhook that does not come.
      TIMER_STARTED: 1,
      TIMER_CANCELED: 1,
      // `waiting` and `linked`.
      UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 2,
    });
    // Start, four activities, timer, signal, two upserts.
    expect(cost).toMatchObject({ events: 36, workflowTasks: 6, actions: 9 });
    expect(cost.bytes).toBeLessThanOrEqual(9_200);
  });

  it('links both jobs with at most 54 events, 9 workflow tasks and 13 actions', async () => {
    const cost = await costOfLink(world(), [EMPLOYER, RECURRING]);
    expect(cost.byType.ACTIVITY_TASK_COMPLETED).toBe(6);
    expect(cost.events).toBeLessThanOrEqual(54);
    expect(cost.workflowTasks).toBeLessThanOrEqual(9);
    expect(cost.actions).toBeLessThanOrEqual(13);
    expect(cost.bytes).toBeLessThanOrEqual(13_600);
  });
});

describe('where every step but the exchange fails once', () => {
  const world = useWorld('slow');

  it('links one job with at most 56 events, 9 workflow tasks and 14 actions', async () => {
    const cost = await costOfLink(world(), [EMPLOYER]);
    expect(cost.byType).toMatchObject({ ACTIVITY_TASK_COMPLETED: 4, ACTIVITY_TASK_FAILED: 3 });
    expect(cost.events).toBeLessThanOrEqual(56);
    expect(cost.workflowTasks).toBeLessThanOrEqual(9);
    expect(cost.actions).toBeLessThanOrEqual(14);
    expect(cost.bytes).toBeLessThanOrEqual(14_500);
  });

  it('links both jobs with at most 86 events, 14 workflow tasks and 20 actions', async () => {
    const cost = await costOfLink(world(), [EMPLOYER, RECURRING]);
    expect(cost.byType).toMatchObject({ ACTIVITY_TASK_COMPLETED: 6, ACTIVITY_TASK_FAILED: 5 });
    expect(cost.events).toBeLessThanOrEqual(86);
    expect(cost.workflowTasks).toBeLessThanOrEqual(14);
    expect(cost.actions).toBeLessThanOrEqual(20);
    expect(cost.bytes).toBeLessThanOrEqual(22_000);
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
