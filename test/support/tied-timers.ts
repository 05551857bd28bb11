import { optionalTsToMs } from '@temporalio/common/lib/time';
import type { HistoryEvent } from './run-chain';

/** A timer that is shorter is a step's pause, whose end is not a matter of which day it is. */
const SHORTEST_MS = 60_000;
/** Longer than a workflow task takes on a busy machine. */
const TIE_MS = 10_000;

/**
 * Timers of a run that were cancelled as they were about to fire. The time-skipping server refuses to cancel a timer that
 * fires while the workflow task is under way; that run then never gets another task, and time is not skipped any more
 * (https://github.com/temporalio/sdk-java/issues/3088). Whether it happens is a matter of milliseconds, so a test must not
 * come near it: two waits of one link must not end at the same time. Not needed once the issue is closed.
 */
export function tiedTimers(events: readonly HistoryEvent[]): string[] {
  const dueMs = new Map<string, number>();
  const ties: string[] = [];
  for (const { eventTime, timerStartedEventAttributes, timerCanceledEventAttributes } of events) {
    const atMs = optionalTsToMs(eventTime) ?? 0;
    const { timerId: started, startToFireTimeout } = timerStartedEventAttributes ?? {};
    const lengthMs = optionalTsToMs(startToFireTimeout) ?? 0;
    if (started && lengthMs >= SHORTEST_MS) dueMs.set(started, atMs + lengthMs);
    const cancelled = timerCanceledEventAttributes?.timerId ?? '';
    const leftMs = (dueMs.get(cancelled) ?? Number.POSITIVE_INFINITY) - atMs;
    if (leftMs < TIE_MS) ties.push(`timer ${cancelled} was cancelled ${leftMs} ms before it was due`);
  }
  return ties;
}
