import type { FailureCode } from '../../../src/contract/failures';
import type { FaultKind } from '../../../src/simulators/server/faults';
import type { Call } from '../../support/call-log';
import { EMPLOYER, getLink, viewWhen, webhook } from '../../support/link-calls';
import type { World } from '../../support/world';
import { cancelled, endingOf, expectFailed, expectUnlinked } from './ending';
import { addFault, providerOf } from './holding';

/** What becomes of a link whose one step meets a fault. `calls` counts the requests of that step. */
export type Outcome =
  /** It goes through; `afterS` is how many seconds later than without the fault, at the least. */
  | { ends: 'linked'; calls: number; afterS?: number }
  /** The link fails with the code, with nothing left behind. */
  | { ends: 'failed'; code: FailureCode; calls: number }
  /** The link waits for the user, and goes on where it stood once the user has acted. */
  | { ends: 'needs_attention'; code: FailureCode; calls: number }
  /** The job fails with the code; the link stays. */
  | { ends: 'job failed'; code: FailureCode; calls: number };

export interface FaultRow {
  fault: string;
  kind: FaultKind;
  /** How many requests the fault strikes. Default 1. */
  times?: number | 'always';
  /** Whether the request has had its effect by then. */
  when?: 'before' | 'after';
  outcome: Outcome;
}

/** A slow machine may add so much to a delay, in seconds. */
const SLACK_S = 20;

function describeOutcome({ outcome, ...row }: FaultRow): string {
  const times = row.times === undefined ? 'once' : row.times === 'always' ? 'always' : `${row.times} times`;
  const end = 'code' in outcome ? `${outcome.ends}, ${outcome.code}` : outcome.ends;
  return `${row.fault}, ${times} → ${end}, ${outcome.calls} calls`;
}

export const passes = (calls: number, afterS?: number): Outcome => ({
  ends: 'linked',
  calls,
  ...(afterS !== undefined && { afterS }),
});
export const failsWith = (code: FailureCode, calls: number): Outcome => ({ ends: 'failed', code, calls });
export const failsJobWith = (code: FailureCode, calls: number): Outcome => ({
  ends: 'job failed',
  code,
  calls,
});
export const needsAttention = (calls: number): Outcome => ({
  ends: 'needs_attention',
  code: 'sign_in_required',
  calls,
});

/** A row's fault: an error object of Plaid's. */
export const plaidError = (code: string): Pick<FaultRow, 'fault' | 'kind'> => ({
  fault: code,
  kind: { plaidError: code },
});
/** A row's fault: an answer of that status, with `Retry-After` where seconds are given. */
export const status = (code: number, retryAfterS?: number): Pick<FaultRow, 'fault' | 'kind'> => ({
  fault: `${code}${retryAfterS === undefined ? '' : ` with Retry-After: ${retryAfterS}`}`,
  kind: {
    status: code,
    ...(retryAfterS !== undefined && { headers: { 'retry-after': String(retryAfterS) } }),
  },
});

const PAGE: FaultKind = {
  status: 200,
  body: '<html><body>Please wait.</body></html>',
  headers: { 'content-type': 'text/html' },
};

/** A refusal by a gateway on the way: not in the provider's words, so it says nothing of the call. */
const gatewayPage = (code: number): Pick<FaultRow, 'fault' | 'kind'> => ({
  fault: `a gateway's page as a ${code}`,
  kind: {
    status: code,
    body: '<html><body>No.</body></html>',
    headers: { 'content-type': 'text/html' },
  },
});

/** Faults of the line, which any step meets: each passes, at the second attempt. */
export const LINE_FAULTS: readonly FaultRow[] = [
  { fault: 'reset before', kind: 'reset-before', outcome: passes(2) },
  { fault: 'reset after', kind: 'reset-after', outcome: passes(2) },
  { fault: 'truncated', kind: 'truncated', outcome: passes(2) },
  { fault: "a gateway's page", kind: 'html', outcome: passes(2) },
  { fault: "a gateway's page as a 200", kind: PAGE, outcome: passes(2) },
  { ...gatewayPage(403), outcome: passes(2) },
  { ...gatewayPage(404), outcome: passes(2) },
  { ...status(408), outcome: passes(2) },
  { ...status(425), outcome: passes(2) },
  { fault: 'no answer in time', kind: 'hang', outcome: passes(2) },
];

/** Every row under the name of what is expected of it, for `it.each`. */
export function named(rows: readonly FaultRow[]): [string, FaultRow][] {
  return rows.map((row) => [describeOutcome(row), row]);
}

/** Plays one link of one job through a fault at `step`, and checks what became of it. */
export async function playFault(world: World, step: Call, row: FaultRow): Promise<void> {
  const { calls } = world;
  const { outcome, kind, times, when } = row;
  addFault(world, step, { kind, ...(times !== undefined && { times }), ...(when && { when }) });
  const { handle, userId } = await world.start();

  if (outcome.ends === 'failed') {
    await expectFailed(world, handle, await endingOf(world, handle), outcome.code);
    expect(calls.count(userId, step)).toBe(outcome.calls);
    return;
  }
  if (outcome.ends === 'needs_attention') {
    const view = await viewWhen(handle, ({ state }) => state === 'needs_attention');
    expect(view.error).toMatchObject({ code: outcome.code, action: 'repair' });
    expect(calls.count(userId, step)).toBe(outcome.calls);
    providerOf(world, step).faults.clear();
    await handle.executeUpdate('confirmRepair');
  }
  const waiting = await world.viewLater(
    handle,
    (view) => view.jobs[EMPLOYER]?.state === 'registered',
    row.kind === 'hang' ? '1s' : '10s',
  );
  if (step !== 'employer result' && outcome.ends === 'linked' && outcome.afterS !== undefined) {
    expectDelay(waiting.createdAt, waiting.jobs[EMPLOYER]?.registeredAt, outcome.afterS);
  }
  expect(waiting).not.toHaveProperty('error');
  const { updatedAt } = await getLink(handle);
  await webhook(handle, EMPLOYER);
  const linked = await world.viewLater(handle, ({ state }) => state === 'linked');
  if (outcome.ends === 'job failed') {
    expect(linked.jobs[EMPLOYER]).toMatchObject({ state: 'failed', error: { code: outcome.code } });
    expect(linked).not.toHaveProperty('error');
  } else {
    expect(linked.jobs[EMPLOYER]).toMatchObject({ state: 'completed', via: 'webhook' });
  }
  if (step === 'employer result' && outcome.ends === 'linked' && outcome.afterS !== undefined) {
    expectDelay(updatedAt, linked.jobs[EMPLOYER]?.completedAt, outcome.afterS);
  }
  await expectUnlinked(world, handle, await cancelled(world, handle));
  if (outcome.ends !== 'needs_attention') expect(calls.count(userId, step)).toBe(outcome.calls);
}

function expectDelay(from: string, to: string | undefined, seconds: number): void {
  const passedS = (Date.parse(to ?? '') - Date.parse(from)) / 1_000;
  expect(passedS).toBeGreaterThanOrEqual(seconds);
  expect(passedS).toBeLessThan(seconds + SLACK_S);
}
