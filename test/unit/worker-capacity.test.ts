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
    });
  });

  it('is less where there is little heap', () => {
    expect(workerCapacity(settings, GIB / 4).maxCachedWorkflows).toBe(84);
    expect(workerCapacity(settings, GIB / 8).maxCachedWorkflows).toBe(50);
  });

  it('is what the settings say', () => {
    expect(workerCapacity({ ...settings, maxCachedWorkflows: 3_000 }, GIB / 8)).toMatchObject({
      maxCachedWorkflows: 3_000,
      maxConcurrentWorkflowTaskExecutions: 100,
    });
  });
});
