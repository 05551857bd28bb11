import { workerCapacity } from '../../src/worker/capacity';

const GIB = 1024 ** 3;
const settings = {
  maxCachedWorkflows: undefined,
  maxConcurrentActivities: 200,
  maxConcurrentWorkflowTasks: 100,
};

describe('what a worker does and remembers at once', () => {
  it('is the links that work at once, not all that the heap could hold', () => {
    expect(workerCapacity(settings, 4 * GIB)).toEqual({
      maxCachedWorkflows: 200,
      maxConcurrentWorkflowTaskExecutions: 100,
      maxConcurrentActivityTaskExecutions: 200,
      maxConcurrentLocalActivityExecutions: 200,
    });
  });

  it('is less where there is little heap', () => {
    expect(workerCapacity(settings, GIB / 4)).toMatchObject({
      maxCachedWorkflows: 84,
      maxConcurrentWorkflowTaskExecutions: 42,
    });
    expect(workerCapacity(settings, GIB / 8)).toMatchObject({
      maxCachedWorkflows: 50,
      maxConcurrentWorkflowTaskExecutions: 25,
    });
  });

  it.each([
    { cached: 4, asked: 100, tasks: 2 },
    { cached: 151, asked: 100, tasks: 75 },
    { cached: 3_000, asked: 100, tasks: 100 },
    { cached: 3_000, asked: 2, tasks: 2 },
  ])('fills no more than half of a cache of $cached with tasks', ({ cached, asked, tasks }) => {
    const given = { ...settings, maxCachedWorkflows: cached, maxConcurrentWorkflowTasks: asked };
    expect(workerCapacity(given, 4 * GIB)).toMatchObject({
      maxCachedWorkflows: cached,
      maxConcurrentWorkflowTaskExecutions: tasks,
    });
  });
});
