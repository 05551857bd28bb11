/** How much a worker does and remembers at once. */
import type { WorkSettings } from '../settings/schemas';

const MIB = 1024 * 1024;
/** Many more than work at once, for seconds each. Those that wait, for hours or years, need no place in the cache. */
export const CACHED_LINKS = 200;
const LEAST_CACHED_LINKS = 50;
/** Of a link in the cache. */
export const CACHED_LINK_MIB = 0.33;
/** Of a process without a link. */
const BASE_MIB = 200;

type Capacity = Pick<
  WorkSettings,
  'maxCachedWorkflows' | 'maxConcurrentActivities' | 'maxConcurrentWorkflowTasks'
>;

/** The options of Temporal's worker for these settings and a heap of `heapBytes`. */
export function workerCapacity(settings: Capacity, heapBytes: number) {
  const maxCachedWorkflows = settings.maxCachedWorkflows ?? defaultCacheSize(heapBytes);
  return {
    maxCachedWorkflows,
    maxConcurrentWorkflowTaskExecutions: settings.maxConcurrentWorkflowTasks,
    maxConcurrentActivityTaskExecutions: settings.maxConcurrentActivities,
  };
}

/** At most half of the heap's room: a link that is not in the cache costs a replay at its next event. */
function defaultCacheSize(heapBytes: number): number {
  const linksInHalf = (heapBytes / MIB - BASE_MIB) / 2 / CACHED_LINK_MIB;
  return Math.min(CACHED_LINKS, Math.max(LEAST_CACHED_LINKS, Math.floor(linksInHalf)));
}
