import { workflowIdOf } from '../../../src/contract/names';
import type { World } from '../../support/world';

/** Steps that have an effect. The others may be repeated. */
const STEPS: Readonly<Record<string, string>> = {
  '/item/public_token/exchange': 'exchangePublicToken',
  'POST /plaid/processor-link': 'registerProcessorLink',
};

/**
 * Users for whom a step was done more often than once (a registration: once a run of the job) and than its failures explain. At least once is what Temporal
 * promises: an attempt whose outcome was lost is made again.
 */
export async function doneAgainWithoutReason(
  world: Pick<World, 'client' | 'plaid' | 'atomic'>,
  users: readonly string[],
  runsOf: (userId: string) => number = () => 1,
): Promise<string[]> {
  const done = new Map<string, number>();
  for (const { ledger } of [world.plaid, world.atomic]) {
    for (const { operation, userId } of ledger.requests()) {
      const key = `${operation} of ${userId}`;
      done.set(key, (done.get(key) ?? 0) + 1);
    }
  }
  const unexplained: string[] = [];
  for (const userId of users) {
    for (const [operation, step] of Object.entries(STEPS)) {
      const times = done.get(`${operation} of ${userId}`) ?? 0;
      const wanted = step === 'registerProcessorLink' ? runsOf(userId) : 1;
      if (times === wanted) continue;
      if (times > wanted && times <= wanted + (await failures(world, userId, step))) continue;
      unexplained.push(`${operation} of ${userId}: ${times}`);
    }
  }
  return unexplained;
}

/** Failed attempts at a step that the history tells of. */
export async function failures(
  { client }: Pick<World, 'client'>,
  userId: string,
  step: string,
): Promise<number> {
  const { events } = await client.workflow.getHandle(workflowIdOf(userId)).fetchHistory();
  const scheduled = new Set<string>();
  const isOfStep = (eventId: unknown) => scheduled.has(String(eventId));
  let count = 0;
  for (const event of events ?? []) {
    const schedule = event.activityTaskScheduledEventAttributes;
    if (schedule?.activityType?.name === step) scheduled.add(String(event.eventId));
    const start = event.activityTaskStartedEventAttributes;
    if (start && isOfStep(start.scheduledEventId)) count += (start.attempt ?? 1) - 1;
    const end = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
    if (end && isOfStep(end.scheduledEventId)) count += 1;
  }
  return count;
}
