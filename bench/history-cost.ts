import { temporal } from '@temporalio/proto';

type History = temporal.api.history.v1.IHistory;
type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

const { HistoryEvent: HistoryEventMessage } = temporal.api.history.v1;
const { EventType } = temporal.api.enums.v1;

/** What a workflow has cost its server so far, read off its history. */
export interface HistoryCost {
  events: number;
  workflowTasks: number;
  /**
   * Billable actions as Temporal Cloud counts them (docs.temporal.io/cloud/actions): 1 for a start, a signal, an update, a
   * timer, a search attribute upsert, the start of a child, and each attempt at an activity.
   */
  actions: number;
  /** Of all events as protobuf. */
  bytes: number;
  /** Number of events by their name, `TIMER_STARTED` say. */
  byType: Record<string, number>;
}

export function costOfHistory({ events }: History): HistoryCost {
  const byType: Record<string, number> = {};
  let actions = 0;
  let bytes = 0;
  for (const event of events ?? []) {
    const name = nameOf(event);
    byType[name] = (byType[name] ?? 0) + 1;
    bytes += HistoryEventMessage.encode(event).finish().length;
    actions += actionsOf(event);
  }
  return {
    events: events?.length ?? 0,
    workflowTasks: byType.WORKFLOW_TASK_COMPLETED ?? 0,
    actions,
    bytes,
    byType,
  };
}

/** When the first and the last event were written, milliseconds since 1970 by the server's clock. */
export function spanOfHistory({ events }: History): { startedAtMs: number; endedAtMs: number } {
  return { startedAtMs: timeOf(events?.[0]), endedAtMs: timeOf(events?.at(-1)) };
}

function actionsOf(event: HistoryEvent): number {
  switch (event.eventType) {
    case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
    case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
    case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
    case EventType.EVENT_TYPE_TIMER_STARTED:
    case EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
    case EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
      return 1;
    case EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
      return event.activityTaskStartedEventAttributes?.attempt ?? 1;
    default:
      return 0;
  }
}

function nameOf(event: HistoryEvent): string {
  return EventType[event.eventType ?? EventType.EVENT_TYPE_UNSPECIFIED].replace(/^EVENT_TYPE_/, '');
}

function timeOf(event: HistoryEvent | undefined): number {
  const { seconds, nanos } = event?.eventTime ?? {};
  return Number(seconds ?? 0) * 1_000 + (nanos ?? 0) / 1_000_000;
}
