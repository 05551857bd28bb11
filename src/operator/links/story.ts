/** What happened to a link, from its history: a line for each thing that an operator wants to know. */
import type { temporal } from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from '../../contract/names';
import { type HistoryEvent, historyEvents } from './history-events';
import type { FactsReader } from './link-facts';
import type { PayloadReader } from './payload-reader';
import { type ReadFailure, readFailure } from './read-failure';
import { indexedTexts, isoOf, millisecondsOf } from './temporal-values';

export interface StoryLine {
  /** ISO 8601. */
  at: string;
  what: string;
}

type Failure = temporal.api.failure.v1.IFailure;

/** The story of a run, in its order. What is encrypted under a key that is missing is left out of it. */
export async function readStory(
  reader: FactsReader,
  execution: { workflowId: string; runId?: string },
): Promise<StoryLine[]> {
  const describer = new EventDescriber(reader.read);
  const story: StoryLine[] = [];
  for await (const event of historyEvents(reader, execution)) {
    const what = await describer.describe(event);
    if (what !== undefined) story.push({ at: isoOf(millisecondsOf(event.eventTime) ?? 0), what });
  }
  return story;
}

/** The story in at most `lines`: the same thing many times is one, and the middle of a long one is left out. */
export function shortened(story: readonly StoryLine[], lines: number): StoryLine[] {
  const merged: (StoryLine & { times: number })[] = [];
  for (const line of story) {
    const last = merged.at(-1);
    if (last?.what === line.what) merged[merged.length - 1] = { ...line, times: last.times + 1 };
    else merged.push({ ...line, times: 1 });
  }
  const told = merged.map(({ at, what, times }) => ({
    at,
    what: times === 1 ? what : `${what} (${times} times)`,
  }));
  if (told.length <= lines) return told;
  const first = told.slice(0, 2);
  const last = told.slice(-(lines - 3));
  const left = told.length - first.length - last.length;
  return [...first, { at: last[0]?.at ?? '', what: `(${left} more before this)` }, ...last];
}

class EventDescriber {
  readonly #read: PayloadReader;
  /** Names of activities, by the event that scheduled them. */
  readonly #names = new Map<string, string>();

  constructor(read: PayloadReader) {
    this.#read = read;
  }

  async describe(event: HistoryEvent): Promise<string | undefined> {
    const started = event.workflowExecutionStartedEventAttributes;
    if (started)
      return started.continuedExecutionRunId ? 'goes on from the run before' : 'the link is started';
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      this.#names.set(String(event.eventId), scheduled.activityType?.name ?? 'a step');
      return undefined;
    }
    const completed = event.activityTaskCompletedEventAttributes;
    if (completed) return `${this.#name(completed.scheduledEventId)} is done`;
    const failed = event.activityTaskFailedEventAttributes;
    if (failed) return this.#failed(`${this.#name(failed.scheduledEventId)} fails for good`, failed.failure);
    const late = event.activityTaskTimedOutEventAttributes;
    if (late) return this.#failed(`${this.#name(late.scheduledEventId)} is given up`, late.failure);
    const signal = event.workflowExecutionSignaledEventAttributes;
    if (signal) return `signal ${signal.signalName}`;
    const update = event.workflowExecutionUpdateAcceptedEventAttributes;
    if (update) return `update ${update.acceptedRequest?.input?.name ?? ''}`.trimEnd();
    const indexed = event.upsertWorkflowSearchAttributesEventAttributes;
    if (indexed) return stateIn(indexed.searchAttributes?.indexedFields);
    const task = event.workflowTaskFailedEventAttributes;
    if (task) return this.#failed('the workflow task fails', task.failure);
    if (event.workflowExecutionCancelRequestedEventAttributes) return 'unlink is requested';
    return this.#ending(event);
  }

  async #ending(event: HistoryEvent): Promise<string | undefined> {
    const failed = event.workflowExecutionFailedEventAttributes;
    if (failed) return this.#failed('the link fails', failed.failure);
    if (event.workflowExecutionCanceledEventAttributes) return 'the link is unlinked';
    if (event.workflowExecutionCompletedEventAttributes) return 'the link is over';
    if (event.workflowExecutionContinuedAsNewEventAttributes) return 'makes way for the next run';
    const terminated = event.workflowExecutionTerminatedEventAttributes;
    if (terminated) return `is terminated by ${terminated.identity || 'somebody'}: Atomic may still read`;
    return event.workflowExecutionTimedOutEventAttributes ? 'times out: Atomic may still read' : undefined;
  }

  #name(scheduledEventId: { toString(): string } | null | undefined): string {
    return this.#names.get(String(scheduledEventId)) ?? 'a step';
  }

  async #failed(what: string, failure: Failure | null | undefined): Promise<string> {
    const said = inWords(await readFailure(failure, this.#read));
    return said === '' ? what : `${what}: ${said}`;
  }
}

type IndexedFields = Parameters<typeof indexedTexts>[0];

function stateIn(fields: IndexedFields): string | undefined {
  const [state] = indexedTexts(fields, SEARCH_ATTRIBUTES.linkState);
  if (state === undefined) return undefined;
  const [error] = indexedTexts(fields, SEARCH_ATTRIBUTES.linkError);
  return error === undefined ? `state: ${state}` : `state: ${state}, ${error}`;
}

function inWords(failure: ReadFailure | undefined): string {
  const { type, message } = failure ?? {};
  const said = message?.split('\n')[0];
  if (type === undefined || said?.startsWith(type)) return said ?? '';
  return said === undefined ? type : `${type}: ${said}`;
}
