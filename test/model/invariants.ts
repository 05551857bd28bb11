import { defaultPayloadConverter } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { JOBS, type Job } from '../../src/contract/jobs';
import { SEARCH_ATTRIBUTES } from '../../src/contract/names';
import type { LinkView } from '../../src/contract/schemas';
import { isFinal, isSettled, LINK_STATES, type LinkState } from '../../src/contract/states';
import { getJob } from '../support/link-calls';
import type { HistoryEvent } from '../support/run-chain';
import { accountOf, choose, completed, hasItem, shareAgain } from './commands';
import { REGISTER } from './faults';
import { type LinkUnderTest, reachable } from './link-under-test';
import { LONG_MS } from './stage';
import { lookUntil, pass } from './time';

/** Longer than a link needs that is not stuck: the last attempt at an exchange comes two minutes after the one before. */
const STUCK_AFTER_MS = 150_000;
/** A step of the workflow is over sooner. */
const MOVES_WITHIN_MS = 60_000;

/**
 * With every fault gone, the user signed in and time enough, every job settles. Answers the last LinkView: the link is
 * linked, or it has ended.
 */
export async function settle(link: LinkUnderTest): Promise<LinkView> {
  const { plaid, atomic } = link.world;
  plaid.faults.clear();
  atomic.faults.clear();
  const endMs = Date.now() + STUCK_AFTER_MS;
  for (let rounds = 0; ; rounds += 1) {
    const view = await link.rest();
    if (rounds === 0) await expectWayOut(link, view);
    const isWell = view.state === 'linked' && !view.error && knowsItsAccount(link, view);
    if (isFinal(view.state) || isWell) return view;
    if (Date.now() > endMs) throw new Error(`The link is stuck: ${JSON.stringify(view)}`);
    if (hasItem(link)) await plaid.repair(link.itemId, { webhook: false });
    if (view.state === 'needs_attention') {
      await shareAgain(link);
      // One that has come to the Item since is a choice once the link has looked again.
      const isChoice = view.choices?.some(({ accountId }) => accountId === accountOf(link));
      if (isChoice) choose(link, accountOf(link));
      else link.update('confirmRepair');
    } else if (view.state === 'linked') {
      await link.plaidWebhook({ kind: 'sign_in_required' });
    }
    // A webhook for each job that Atomic has done meanwhile; the other jobs are found by poll or given up.
    for (const job of JOBS) {
      if (!(await completed(link, job))) continue;
      if (rounds % 2 === 0) await link.atomicWebhook(job);
    }
    await pass(rounds < 2 ? 300 : LONG_MS);
  }
}

/** A link that is open waits for something that comes by itself or, as its view says, for its user. */
async function expectWayOut({ handle }: LinkUnderTest, view: LinkView): Promise<void> {
  if (view.state === 'needs_attention')
    expect(view.error?.action).toBe(view.choices ? 'choose_account' : 'repair');
  const hasWayOut = async () => {
    const { status, raw } = await handle.describe();
    if (status.name !== 'RUNNING') return true;
    if (raw.pendingActivities?.length || raw.pendingChildren?.length) return true;
    return openTimers((await handle.fetchHistory()).events ?? []) > 0;
  };
  if (!(await lookUntil(hasWayOut, (found) => found, MOVES_WITHIN_MS)))
    throw new Error(`Nothing can move the link any more: ${JSON.stringify(view)}`);
}

function openTimers(events: readonly HistoryEvent[]): number {
  let open = 0;
  for (const event of events) {
    if (event.timerStartedEventAttributes) open += 1;
    if (event.timerFiredEventAttributes || event.timerCanceledEventAttributes) open -= 1;
  }
  return open;
}

/** The bank may give the account another id without a word; the link learns of it when it looks again. */
function knowsItsAccount(link: LinkUnderTest, view: LinkView): boolean {
  return accountOf(link) === undefined || view.accountId === accountOf(link);
}

/** What a link that is linked says of itself is what the providers hold. */
export async function expectAgreement(link: LinkUnderTest, view: LinkView): Promise<void> {
  const { plaid, atomic } = link.world;
  expect(view).not.toHaveProperty('error');
  expect(view.itemId).toBe(link.itemId);
  const newestToken = plaid.ledger.effects('processor_token_created', link.userId).at(-1)?.details.token;
  for (const job of JOBS) {
    const shown = view.jobs[job];
    if (!shown) continue;
    expect(isSettled(shown.state)).toBe(true);
    if (shown.registeredAt === undefined) continue;
    const held = atomic.links(link.userId).find((one) => one.job === job);
    expect(held).toMatchObject({ token: newestToken });
    if (shown.state === 'completed') await expectRefreshedResult(link, job);
  }
}

/** A webhook more brings the newest result, whichever the link had. */
async function expectRefreshedResult(link: LinkUnderTest, job: Job): Promise<void> {
  const held = link.world.atomic.links(link.userId).find((one) => one.job === job);
  if (held?.state !== 'finished') return;
  await link.atomicWebhook(job);
  const mark = `"6afdbf${held.run.toString(16).padStart(6, '0')}`;
  const refreshed = await lookUntil(
    async () => JSON.stringify((await getJob(link.handle, job))?.result),
    (result) => result.includes(mark),
    STUCK_AFTER_MS,
  );
  expect(refreshed).toContain(mark);
}

/** Once the link is over: how it ended is accounted for, and nothing is left. */
export async function expectNothingLeft(link: LinkUnderTest, view: LinkView): Promise<void> {
  const { plaid, atomic } = link.world;
  const status = await closedAs(link);
  if (view.state === 'failed') {
    expect(status).toBe('FAILED');
    if (!link.mayFail(view.error?.code)) throw new Error(`It should not fail: ${JSON.stringify(view)}`);
  } else {
    expect(link.ended).toBe(true);
    expect(['CANCELLED', 'COMPLETED']).toContain(status);
    expect(view).not.toHaveProperty('error');
  }
  const { items, orphanedItems, callersItems } = plaid.leftovers(link.userId);
  const keepsItem = !link.scenario.removeItemOnUnlink && view.state !== 'failed';
  if (!keepsItem) expect(items).toEqual([]);
  if (!link.exchangeMayBeLost) expect(orphanedItems).toEqual([]);
  if (link.scenario.fromAccessToken && !link.mayFailWith.has('access_revoked')) {
    expect(callersItems).toEqual([link.itemId]);
  }
  expect(atomic.links(link.userId)).toEqual([]);
  for (const job of JOBS) expect((await getJob(link.handle, job)) ?? {}).not.toHaveProperty('result');
}

/** The final state is set by the task before the last: what the caller is to hear of comes first. */
function closedAs({ handle }: LinkUnderTest): Promise<string> {
  return lookUntil(
    async () => (await handle.describe()).status.name,
    (status) => status !== 'RUNNING',
    STUCK_AFTER_MS,
  );
}

/** An effect is repeated only where its answer was lost, or a worker went away before it was recorded. */
export async function expectNoEffectTwice(link: LinkUnderTest): Promise<void> {
  const { plaid, atomic } = link.world;
  const { userId, restarts, moves, withdrawals, choices } = link;
  const lost = (ledger: typeof plaid.ledger | typeof atomic.ledger, operation: string) =>
    ledger.requests(operation, userId).filter(({ outcome }) => outcome === 'lost').length;
  let runs = 0;
  for (const job of JOBS) runs += (await getJob(link.handle, job))?.run ?? 0;

  const registrations = atomic.ledger.effects('registration_stored', userId).length;
  expect(registrations).toBeLessThanOrEqual(
    runs + lost(atomic.ledger, 'POST /plaid/processor-link') + JOBS.length * restarts,
  );
  const tokens = plaid.ledger.effects('processor_token_created', userId).length;
  expect(tokens).toBeLessThanOrEqual(
    1 + moves + withdrawals + choices + lost(plaid.ledger, '/processor/token/create') + restarts,
  );
  expect(atomic.ledger.effects('registration_removed', userId).length).toBeLessThanOrEqual(1 + withdrawals);
  expect(plaid.ledger.effects('item_created', userId).length).toBeLessThanOrEqual(1);
  expect(plaid.ledger.effects('item_removed', userId).length).toBeLessThanOrEqual(1);
}

/**
 * Each registration that Atomic has acknowledged is recorded by one step, and each step is of one run of a job: what is
 * acknowledged beside is repeated after a worker's death.
 */
export async function expectRegistrationsRecorded(
  link: LinkUnderTest,
  histories: readonly (readonly HistoryEvent[])[],
): Promise<void> {
  const { userId, restarts, moves, withdrawals, choices } = link;
  const answers = link.world.atomic.ledger
    .requests(REGISTER, userId)
    .filter(({ outcome }) => outcome === 'answered')
    .map(({ status = 0 }) => status);
  const acknowledged = answers.filter((status) => status >= 200 && status < 300).length;
  const conflicts = answers.filter((status) => status === 409).length;
  const recorded = histories.reduce(
    (sum, events) => sum + completedSteps(events, 'registerProcessorLink'),
    0,
  );
  const repeated = acknowledged - recorded;
  // A 409 is recorded as a registration where an answer was lost before it.
  expect(repeated).toBeGreaterThanOrEqual(-conflicts);
  expect(repeated).toBeLessThanOrEqual(JOBS.length * restarts);
  let runs = 0;
  for (const job of JOBS) runs += (await getJob(link.handle, job))?.run ?? 0;
  // With a new token the same run is registered again.
  expect(recorded).toBeLessThanOrEqual(runs + JOBS.length * (moves + withdrawals + choices));
}

/** How many steps of the name were done in a run of the link. */
function completedSteps(events: readonly HistoryEvent[], name: string): number {
  const scheduled = new Set<string>();
  let count = 0;
  for (const event of events) {
    const { activityTaskScheduledEventAttributes: schedule, activityTaskCompletedEventAttributes: done } =
      event;
    if (schedule?.activityType?.name === name) scheduled.add(String(event.eventId));
    if (done && scheduled.has(String(done.scheduledEventId))) count += 1;
  }
  return count;
}

/** The states that were published, over all runs of the link, follow LINK_EDGES with only passing states between them. */
export function expectAllowedEdges(events: readonly HistoryEvent[]): void {
  const states = events.flatMap(({ upsertWorkflowSearchAttributesEventAttributes: upsert }) => {
    const payload = upsert?.searchAttributes?.indexedFields?.[SEARCH_ATTRIBUTES.linkState];
    if (!payload) return [];
    const state: unknown = [defaultPayloadConverter.fromPayload(payload)].flat()[0];
    const known = LINK_STATES.find((one) => one === state);
    if (!known) throw new Error(`Published as ${String(state)}.`);
    return [known];
  });
  let before: LinkState = 'waiting';
  for (const state of states) {
    const listedAs = (listed: LinkState) => (listed === 'waiting' ? [...PASSING, listed] : [listed]);
    const next = listedAs(before).flatMap((from) => [...reachable(from, isPassing)]);
    if (state !== before && !listedAs(state).some((to) => next.includes(to))) {
      throw new Error(`The link was published as ${before}, then as ${state}.`);
    }
    before = state;
  }
}

/** A task that fails is a bug: code that does not replay, or an error that no code expected. */
export function expectNoFailedTasks(events: readonly HistoryEvent[]): void {
  const { WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND } = temporal.api.enums.v1.WorkflowTaskFailedCause;
  for (const { workflowTaskFailedEventAttributes: failed } of events) {
    // Something arrived as the run was about to end: Temporal's way to have it handled first.
    if (!failed || failed.cause === WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND) continue;
    throw new Error(`A workflow task failed: ${JSON.stringify(failed)}`);
  }
}

/** Listed as `waiting`. */
const PASSING: readonly LinkState[] = ['exchanging', 'creating_processor_token', 'registering'];

function isPassing(state: LinkState): boolean {
  return PASSING.includes(state);
}
