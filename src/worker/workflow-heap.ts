import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { CACHED_LINK_MIB, CACHED_LINKS } from './capacity';

const MIB = 1024 * 1024;
/** Room for 200 cached links that all hold two results of the largest size. */
const DEFAULT_MIB = 512;
const HEAP_OPTION = /--max[-_]old[-_]space[-_]size/;

/** Bound of the heap of a thread that runs workflows, in MiB: more only where more links are to be cached than by default. */
export function workflowHeapMib(maxCachedWorkflows = CACHED_LINKS): number {
  return DEFAULT_MIB + Math.ceil(Math.max(0, maxCachedWorkflows - CACHED_LINKS) * CACHED_LINK_MIB * 2);
}

/**
 * The bound to set, in MiB, where that of the process, `limitMib`, does not do; undefined leaves it. `isGiven`: somebody has
 * chosen it. A smaller one, of a container say, stands unless more links are to be cached than it has room for.
 */
export function heapToSet(
  maxCachedWorkflows: number | undefined,
  { limitMib, isGiven }: { limitMib: number; isGiven: boolean },
): number | undefined {
  const heapMib = workflowHeapMib(maxCachedWorkflows);
  const isTooSmall = limitMib < heapMib && (maxCachedWorkflows ?? 0) > CACHED_LINKS;
  const isBoundless = limitMib > heapMib && !isGiven;
  return isTooSmall || isBoundless ? heapMib : undefined;
}

/**
 * Bounds the heaps of threads that are started from now on, which run the workflows: Node would let each grow to gigabytes
 * before it tidies up. `nodeOptions` are those that Node was started with.
 */
export function boundWorkflowHeaps(maxCachedWorkflows: number | undefined, nodeOptions: string): void {
  const heapMib = heapToSet(maxCachedWorkflows, {
    limitMib: getHeapStatistics().heap_size_limit / MIB,
    isGiven: HEAP_OPTION.test(nodeOptions),
  });
  // Node advises against it for a heap that is in use. It is read when a heap is made.
  if (heapMib !== undefined) setFlagsFromString(`--max-old-space-size=${heapMib}`);
}
