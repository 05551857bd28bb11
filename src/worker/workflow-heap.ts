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
 * Bounds the heaps of threads that are started from now on, which run the workflows: Node would let each grow to gigabytes
 * before it tidies up. A bound that Node was started with, by `nodeOptions`, stands.
 */
export function boundWorkflowHeaps(maxCachedWorkflows: number | undefined, nodeOptions: string): void {
  const heapMib = workflowHeapMib(maxCachedWorkflows);
  if (HEAP_OPTION.test(nodeOptions) || getHeapStatistics().heap_size_limit <= heapMib * MIB) return;
  // Node advises against it for a heap that is in use. It is read when a heap is made.
  setFlagsFromString(`--max-old-space-size=${heapMib}`);
}
