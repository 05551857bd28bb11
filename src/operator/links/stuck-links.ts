import { setTimeout as sleep } from 'node:timers/promises';
import { temporal } from '@temporalio/proto';
import { type DiagnosisContext, diagnose, isUnstarted, UNSTARTED_AFTER_MS } from './diagnosis';
import { inParallel } from './in-parallel';
import { type FactsReader, type LinkFacts, readFacts } from './link-facts';
import type { LinkRow } from './link-row';
import { countLinks, findLinks, openLinksQuery, reportsProblems, troubledLinksQuery } from './open-links';

/** Up to here every open link is looked at; above it, those that the index shows in trouble. */
const LOOKED_AT = 2_000;
const CONCURRENCY = 50;

export interface StuckLinks {
  rows: LinkRow[];
  /** Links that were looked at, of those that are open. */
  lookedAt: number;
  open: number;
}

export interface StuckOptions extends FactsReader {
  taskQueue: string;
  resultOverdueAfterMs: number;
  /** Narrows the open links, as Temporal's visibility takes it. */
  query?: string;
}

/**
 * The open links that stand still, with the reason and what helps, those that have stood longest first. Needs neither a
 * worker nor, but for the details of a cause, keys.
 */
export async function stuckLinks(options: StuckOptions): Promise<StuckLinks> {
  const open = await countLinks(options, openLinksQuery(options.query));
  const query =
    open > LOOKED_AT
      ? troubledLinksQuery(await reportsProblems(options), options.query)
      : openLinksQuery(options.query);
  const [ids, context] = await Promise.all([findLinks(options, query, LOOKED_AT), diagnosisContext(options)]);
  const rows = await diagnoseAll(options, context, ids);
  return {
    rows: rows.toSorted((a, b) => a.since.localeCompare(b.since)),
    lookedAt: ids.length,
    open,
  };
}

/** The rows of those links that are stuck. */
async function diagnoseAll(
  reader: FactsReader,
  context: DiagnosisContext,
  workflowIds: readonly string[],
): Promise<LinkRow[]> {
  const read = (id: string) => readFacts(reader, id);
  let facts = (await inParallel(workflowIds, CONCURRENCY, read)).filter((link) => link !== undefined);
  const ages = facts.flatMap((link) => unstartedForAShortTime(link, context));
  if (ages.length > 0) {
    // Whether a worker takes it is seen in a moment.
    await sleep(UNSTARTED_AFTER_MS - Math.min(...ages));
    facts = await inParallel(facts, CONCURRENCY, async (link) =>
      unstartedForAShortTime(link, context).length > 0 ? ((await read(link.workflowId)) ?? link) : link,
    );
  }
  const nowMs = Date.now();
  return facts.flatMap((link) => diagnose(link, { ...context, nowMs }) ?? []);
}

function unstartedForAShortTime({ task, steps }: LinkFacts, context: DiagnosisContext): number[] {
  const unstarted = [task, ...steps].flatMap((work) => work?.unstartedMs ?? []);
  return unstarted.filter((unstartedMs) => unstartedMs >= 0 && !isUnstarted({ unstartedMs }, context));
}

/** What the rows of all links are judged by. */
export async function diagnosisContext({
  connection,
  namespace,
  taskQueue,
  resultOverdueAfterMs,
}: Omit<StuckOptions, 'query' | 'read'>): Promise<DiagnosisContext> {
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  });
  return { nowMs: Date.now(), resultOverdueAfterMs, pollers: pollers.length };
}
