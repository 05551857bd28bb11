import { temporal } from '@temporalio/proto';
import type { HistoryEvent } from '../support/run-chain';

/** The kinds of a link's events, a line a run, for whoever has to find out why it failed. */
export function whatHappened(histories: readonly (readonly HistoryEvent[])[]): string {
  return histories
    .map((events) => events.map((event) => `${event.eventId} ${kindOf(event)}`).join(', '))
    .join('\n');
}

function kindOf({
  eventType,
  workflowExecutionSignaledEventAttributes: signal,
  activityTaskScheduledEventAttributes: activity,
  workflowExecutionUpdateAcceptedEventAttributes: update,
}: HistoryEvent): string {
  const kind = temporal.api.enums.v1.EventType[eventType ?? 0] ?? '';
  const name = signal?.signalName ?? activity?.activityType?.name ?? update?.acceptedRequest?.input?.name;
  return `${kind.replace('EVENT_TYPE_', '')}${name ? ` ${name}` : ''}`;
}
