/** A gate on counts, not on clocks: a change that makes a link dearer for its server has to change a figure here. */
import { costOfHistory, type HistoryCost } from '../../bench/history-cost';
import type { Job } from '../../src/contract/jobs';
import { EMPLOYER, type Handle, RECURRING, viewWhen, webhook } from '../support/link-calls';
import { until } from '../support/until';
import { workflowBundle } from '../support/workflow-bundle';
import { useWorld, type World } from '../support/world';

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

it('carries no schema library into the workflow bundle', async () => {
  const { code } = await workflowBundle();
  expect(code).toContain('workflows/processor-link');
  expect(code).not.toMatch(/node_modules\/zod/);
});

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
