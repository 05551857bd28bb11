import { UPDATES } from '../../src/contract/names';
import type { LinkView } from '../../src/contract/schemas';
import type { LinkSettings } from '../../src/contract/workflow';
import type { Fault, FaultKind } from '../../src/simulators';
import type { Call } from '../support/call-log';
import { EMPLOYER, plaidWebhook, RECURRING, REPLY_KEY, viewWhen, webhook } from '../support/link-calls';
import { until } from '../support/until';
import type { Started, World } from '../support/world';
import { addFault, hold, providerOf } from './support/holding';

/** A link that has come to the point where it is to be cancelled. */
export interface Point {
  started: Started;
  /** Lets go, after the cancel, of what holds the link there. */
  release?: () => void;
  /** What somebody waits for meanwhile: it has to come to an end too. */
  pending?: Promise<unknown>;
  /** The calls that the link makes in all, where the cancel allows no others. */
  calls?: string[];
}

export interface CancelCase {
  settings?: Partial<LinkSettings>;
  arrive(world: World): Promise<Point>;
}

/** Whatever has to be waited for: the delay is far longer than the test. */
const LATER_SECONDS = 1_800;
const DAY_MS = 24 * 3_600_000;

type Begin = (world: World) => Promise<Point>;

const begun: Begin = async (world) => ({ started: await world.start() });

/** Comes to a call that is on its way, before or after it has had its effect. */
function held(call: Call, when: 'before' | 'after' = 'before', begin = begun): CancelCase {
  return {
    async arrive(world) {
      const { arrived, release } = hold(world, call, when);
      const point = await begin(world);
      await arrived(point.started.userId);
      return { ...point, release };
    },
  };
}

/** Comes to a step's wait for its next attempt. */
function struck(
  call: Call,
  begin = begun,
  fault: Omit<Fault, 'operation'> = { when: 'after', kind: unavailableFor(LATER_SECONDS) },
): CancelCase {
  return {
    async arrive(world) {
      const struckBy = addFault(world, call, fault);
      const point = await begin(world);
      await providerOf(world, call).ledger.waitFor(() => struckBy.hits === 1);
      await backingOff(point.started);
      return point;
    },
  };
}

function unavailableFor(seconds: number): FaultKind {
  return { status: 503, headers: { 'retry-after': String(seconds) } };
}

async function waiting(world: World): Promise<Point> {
  const started = await world.start();
  await viewWhen(started.handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
  return { started };
}

async function notified(world: World): Promise<Point> {
  const point = await waiting(world);
  await webhook(point.started.handle, EMPLOYER);
  return point;
}

async function linked(world: World): Promise<Point> {
  const point = await notified(world);
  await viewWhen(point.started.handle, ({ state }) => state === 'linked');
  return point;
}

async function needingAttention(world: World): Promise<Point> {
  addFault(world, 'accounts', { kind: { plaidError: 'ITEM_LOGIN_REQUIRED' } });
  const started = await world.start();
  await viewWhen(started.handle, ({ state }) => state === 'needs_attention');
  return { started };
}

const accountRevoked =
  (begin: Begin): Begin =>
  async (world) => {
    const point = await begin(world);
    const { handle, itemId, accountId } = point.started;
    await plaidWebhook(handle, { kind: 'account_revoked', itemId, accountId });
    return point;
  };

/** A first cancel: what follows it is the cleanup, which another cancel must not disturb. */
const cancelledOnce =
  (begin: Begin): Begin =>
  async (world) => {
    const point = await begin(world);
    await point.started.handle.cancel();
    return point;
  };

const updating =
  (begin: Begin, update: string, arg?: unknown): Begin =>
  async (world) => {
    const point = await begin(world);
    const { handle } = point.started;
    const pending =
      arg === undefined ? handle.executeUpdate(update) : handle.executeUpdate(update, { args: [arg] });
    return { ...point, pending };
  };

/** Waits until no step of the run is under way: what it waits for is a timer, or somebody. */
const asleep = (started: Started) => attemptsAre(started, (attempts) => attempts.length === 0);

/** Waits until a step that has failed waits for its next attempt, by a timer of the run's or of Temporal's. */
const backingOff = (started: Started) =>
  attemptsAre(started, (attempts) => attempts.every((attempt) => attempt > 1));

async function attemptsAre(
  { handle }: Started,
  wanted: (attempts: readonly number[]) => boolean,
): Promise<void> {
  await until(async () => {
    const { pendingActivities, pendingWorkflowTask } = (await handle.describe()).raw;
    return !pendingWorkflowTask && wanted((pendingActivities ?? []).map(({ attempt }) => attempt ?? 1));
  });
}

const asksForLinkToken = updating(needingAttention, UPDATES.createRepairLinkToken, REPLY_KEY);

export const CANCEL_CASES = {
  'before its first task': {
    // A cancel ends the delay.
    arrive: async (world) => ({ started: await world.start({ startDelayMs: 10_000 }), calls: [] }),
  },
  'exchange under way': held('exchange'),
  'exchange taken, its answer under way': held('exchange', 'after'),
  'exchange waiting for its next attempt': struck('exchange', begun, {
    kind: { plaidError: 'INSTITUTION_DOWN' },
  }),
  'accounts under way': held('accounts'),
  'processor token taken, its answer under way': held('processor token', 'after'),
  'processor token waiting for its next attempt': struck('accounts'),
  'exchange that may have been taken waiting for its next attempt': struck('exchange', begun, {
    kind: 'reset-before',
  }),
  'processor token waiting for an operator': struck('accounts', begun, {
    times: 'always',
    kind: { plaidError: 'INVALID_API_KEYS' },
  }),
  'history asked for': { settings: { waitForHistoryMs: DAY_MS }, ...held('item') },
  'history awaited': {
    settings: { waitForHistoryMs: DAY_MS },
    async arrive(world) {
      const started = await world.start();
      await world.plaid.ledger.waitForRequest('/item/get', { userId: started.userId, outcome: 'answered' });
      await asleep(started);
      return { started };
    },
  },
  'registration under way': held('register'),
  'registration taken, its answer under way': held('register', 'after'),
  'registration waiting for its next attempt': struck('register'),
  'one job registered, the other under way': {
    async arrive(world) {
      addFault(world, 'register', { kind: { delayMs: 0 } });
      const { arrived, release } = hold(world, 'register', 'after');
      const started = await world.start({ jobs: [EMPLOYER, RECURRING] });
      await arrived(started.userId);
      const isRegistered = ({ jobs }: LinkView) =>
        Object.values(jobs).some(({ state }) => state === 'registered');
      await viewWhen(started.handle, isRegistered);
      return { started, release };
    },
  },
  'webhook awaited': { arrive: waiting },
  'a long poll pending': { arrive: updating(waiting, UPDATES.waitForJob, { job: EMPLOYER }) },
  'result under way after a webhook': held('employer result', 'before', notified),
  'result under way by poll': { settings: { resultOverdueAfterMs: 100 }, ...held('employer result') },
  'result waiting for its next attempt': struck('employer result', notified),
  'linked, with nothing under way': { arrive: linked },
  'the user awaited': { arrive: needingAttention },
  'an update-mode Link token under way': held('link token', 'before', asksForLinkToken),
  'the Item looked at for a caller': held(
    'item',
    'before',
    updating(needingAttention, UPDATES.confirmRepair),
  ),
  'the Item looked at after a webhook': held('item', 'before', async (world) => {
    const point = await needingAttention(world);
    const { handle, itemId } = point.started;
    await plaidWebhook(handle, { kind: 'sign_in_repaired', itemId });
    return point;
  }),
  'account withdrawn while its registration is under way': {
    arrive: accountRevoked(held('register').arrive),
  },
  'account withdrawn, its removal under way': held('delete', 'before', accountRevoked(waiting)),
  'account withdrawn, its removal waiting for its next attempt': struck('delete', accountRevoked(waiting)),
  'unlinking while the exchange settles': { arrive: cancelledOnce(held('exchange').arrive) },
  'unlinking, the registration being removed': held('delete', 'before', cancelledOnce(waiting)),
  'unlinking, the removal waiting for its next attempt': struck('delete', cancelledOnce(linked), {
    when: 'after',
    kind: unavailableFor(2),
  }),
  'unlinking, the Item being removed': held('remove item', 'before', cancelledOnce(linked)),
  'unlinking with an update unfinished': {
    async arrive(world) {
      const point = await cancelledOnce(held('link token', 'before', asksForLinkToken).arrive)(world);
      await world.plaid.ledger.waitForEffect('item_removed', { userId: point.started.userId });
      return point;
    },
  },
  'the caller being told': { settings: { notify: true }, arrive: linked },
} as const satisfies Record<string, CancelCase>;

export type CancelCaseName = keyof typeof CANCEL_CASES;
