import { DEFAULT_CALL_TIMEOUT_MS } from '../../src/link-client/link-client';
import { workerCapacity } from '../../src/worker/capacity';
import { STICKY_QUEUE_MS } from '../../src/worker/start-worker';
import { heapToSet, workflowHeapMib } from '../../src/worker/workflow-heap';

const GIB = 1024 ** 3;
const settings = {
  maxCachedWorkflows: undefined,
  maxConcurrentActivities: 200,
  maxConcurrentWorkflowTasks: 100,
};

it('has links of a worker that died read by another before the API gives up', () => {
  expect(STICKY_QUEUE_MS).toBeLessThan(DEFAULT_CALL_TIMEOUT_MS);
});

describe('the heap of a thread that runs workflows', () => {
  it('is bounded, and grows only with a cache beyond the default', () => {
    expect([undefined, 50, 200, 1_200].map(workflowHeapMib)).toEqual([512, 512, 512, 1_172]);
  });
});

it.each([
  ['that Node has chosen is brought down', undefined, { limitMib: 4_144, isGiven: false }, 512],
  ['that somebody has chosen stands', undefined, { limitMib: 2_048, isGiven: true }, undefined],
  ['of a small container stands', undefined, { limitMib: 256, isGiven: false }, undefined],
  ['grows for a large cache', 1_200, { limitMib: 560, isGiven: true }, 1_172],
  ['has room for a large cache already', 1_200, { limitMib: 4_096, isGiven: true }, undefined],
] as const)('a bound of the heap %s', (_, cached, present, set) => {
  expect(heapToSet(cached, present)).toBe(set);
});

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
