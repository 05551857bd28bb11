import { UPDATES } from '../../../src/contract/names';
import type { LinkView } from '../../../src/contract/schemas';
import type { LinkSettings } from '../../../src/contract/workflow';
import { EMPLOYER, plaidWebhook, RECURRING, REPLY_KEY, viewWhen, webhook } from '../../support/link-world';
import type { Call } from './call-log';
import { addFault, type Held, hold, providerOf } from './holding';
import type { LinkScene, Started } from './use-link-world';

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
  arrive(scene: LinkScene): Promise<Point>;
}

/** Whatever has to be waited for: the delay is far longer than the test. */
const LATER_SECONDS = 1_800;
const DAY_MS = 24 * 3_600_000;

async function heldAt(scene: LinkScene, held: Held, begin?: Promise<Point>): Promise<Point> {
  const point = begin ? await begin : { started: await scene.start() };
  await held.arrived(point.started.userId);
  return { ...point, release: held.release };
}

async function waiting(scene: LinkScene): Promise<Point> {
  const started = await scene.start();
  await viewWhen(started.handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
  return { started };
}

async function notified(scene: LinkScene): Promise<Point> {
  const point = await waiting(scene);
  await webhook(point.started.handle, EMPLOYER);
  return point;
}

async function linked(scene: LinkScene): Promise<Point> {
  const point = await notified(scene);
  await viewWhen(point.started.handle, ({ state }) => state === 'linked');
  return point;
}

async function needingAttention(scene: LinkScene): Promise<Point> {
  addFault(scene, 'accounts', { kind: { plaidError: 'ITEM_LOGIN_REQUIRED' } });
  const started = await scene.start();
  await viewWhen(started.handle, ({ state }) => state === 'needs_attention');
  return { started };
}

async function accountRevoked(begin: Promise<Point>): Promise<Point> {
  const point = await begin;
  const { handle, itemId, accountId } = point.started;
  await plaidWebhook(handle, { kind: 'account_revoked', itemId, accountId });
  return point;
}

/** A first cancel: what follows it is the cleanup, which another cancel must not disturb. */
async function cancelledOnce(begin: Promise<Point>): Promise<Point> {
  const point = await begin;
  await point.started.handle.cancel();
  return point;
}

async function updating(begin: Promise<Point>, update: string, args?: unknown): Promise<Point> {
  const point = await begin;
  const { handle } = point.started;
  const pending =
    args === undefined ? handle.executeUpdate(update) : handle.executeUpdate(update, { args: [args] });
  return { ...point, pending };
}

/** Waits until no step of the run is under way: what it waits for is a timer, or somebody. */
function asleep(started: Started): Promise<void> {
  return describedWhen(started, ({ attempts, inTask }) => attempts.length === 0 && !inTask);
}

/** Waits until a step that has failed waits for its next attempt, by a timer of the run's or of Temporal's. */
function backingOff(started: Started): Promise<void> {
  return describedWhen(
    started,
    ({ attempts, inTask }) => attempts.every((attempt) => attempt > 1) && !inTask,
  );
}

async function describedWhen(
  { handle }: Started,
  predicate: (run: { attempts: readonly number[]; inTask: boolean }) => boolean,
): Promise<void> {
  const endMs = Date.now() + 20_000;
  while (Date.now() < endMs) {
    const { pendingActivities, pendingWorkflowTask } = (await handle.describe()).raw;
    const attempts = (pendingActivities ?? []).map(({ attempt }) => attempt ?? 1);
    if (predicate({ attempts, inTask: Boolean(pendingWorkflowTask) })) return;
  }
  throw new Error('The run did not come to that.');
}

/** Comes to a step's wait for its next attempt. */
async function struck(
  scene: LinkScene,
  call: Call,
  begin: () => Promise<Point>,
  retryAfterSeconds = LATER_SECONDS,
): Promise<Point> {
  const kind = { status: 503, headers: { 'retry-after': String(retryAfterSeconds) } };
  const fault = addFault(scene, call, { when: 'after', kind });
  const point = await begin();
  await providerOf(scene.world, call).ledger.waitFor(() => fault.hits === 1);
  await backingOff(point.started);
  return point;
}

export const CANCEL_CASES = {
  'before its first task': {
    // A cancel ends the delay.
    arrive: async (scene) => ({ started: await scene.start({ startDelayMs: 10_000 }), calls: [] }),
  },
  'exchange under way': {
    arrive: (scene) => heldAt(scene, hold(scene, 'exchange')),
  },
  'exchange taken, its answer under way': {
    arrive: (scene) => heldAt(scene, hold(scene, 'exchange', 'after')),
  },
  'exchange waiting for its next attempt': {
    async arrive(scene) {
      const fault = addFault(scene, 'exchange', { kind: { plaidError: 'INSTITUTION_DOWN' } });
      const started = await scene.start();
      await scene.world.plaid.ledger.waitFor(() => fault.hits === 1);
      await backingOff(started);
      return { started };
    },
  },
  'accounts under way': {
    arrive: (scene) => heldAt(scene, hold(scene, 'accounts')),
  },
  'processor token taken, its answer under way': {
    arrive: (scene) => heldAt(scene, hold(scene, 'processor token', 'after')),
  },
  'processor token waiting for its next attempt': {
    arrive: (scene) => struck(scene, 'accounts', async () => ({ started: await scene.start() })),
  },
  'exchange that may have been taken waiting for its next attempt': {
    async arrive(scene) {
      const fault = addFault(scene, 'exchange', { kind: 'reset-before' });
      const started = await scene.start();
      await scene.world.plaid.ledger.waitFor(() => fault.hits === 1);
      await backingOff(started);
      return { started };
    },
  },
  'processor token waiting for an operator': {
    async arrive(scene) {
      const kind = { plaidError: 'INVALID_API_KEYS' };
      const fault = addFault(scene, 'accounts', { times: 'always', kind });
      const started = await scene.start();
      await scene.world.plaid.ledger.waitFor(() => fault.hits === 1);
      await backingOff(started);
      return { started };
    },
  },
  'history asked for': {
    settings: { waitForHistoryMs: DAY_MS },
    arrive: (scene) => heldAt(scene, hold(scene, 'item')),
  },
  'history awaited': {
    settings: { waitForHistoryMs: DAY_MS },
    async arrive(scene) {
      const started = await scene.start();
      await scene.world.plaid.ledger.waitForRequest('/item/get', {
        userId: started.userId,
        outcome: 'answered',
      });
      await asleep(started);
      return { started };
    },
  },
  'registration under way': {
    arrive: (scene) => heldAt(scene, hold(scene, 'register')),
  },
  'registration taken, its answer under way': {
    arrive: (scene) => heldAt(scene, hold(scene, 'register', 'after')),
  },
  'registration waiting for its next attempt': {
    arrive: (scene) => struck(scene, 'register', async () => ({ started: await scene.start() })),
  },
  'one job registered, the other under way': {
    async arrive(scene) {
      addFault(scene, 'register', { kind: { delayMs: 0 } });
      const held = hold(scene, 'register', 'after');
      const started = await scene.start({ jobs: [EMPLOYER, RECURRING] });
      await held.arrived(started.userId);
      const isRegistered = ({ jobs }: LinkView) =>
        Object.values(jobs).some(({ state }) => state === 'registered');
      await viewWhen(started.handle, isRegistered);
      return { started, release: held.release };
    },
  },
  'webhook awaited': { arrive: waiting },
  'a long poll pending': {
    arrive: (scene) => updating(waiting(scene), UPDATES.waitForJob, { job: EMPLOYER }),
  },
  'result under way after a webhook': {
    arrive: (scene) => heldAt(scene, hold(scene, 'employer result'), notified(scene)),
  },
  'result under way by poll': {
    settings: { resultOverdueAfterMs: 100 },
    arrive: (scene) => heldAt(scene, hold(scene, 'employer result')),
  },
  'result waiting for its next attempt': {
    arrive: (scene) => struck(scene, 'employer result', () => notified(scene)),
  },
  'linked, with nothing under way': { arrive: linked },
  'the user awaited': { arrive: needingAttention },
  'an update-mode Link token under way': {
    async arrive(scene) {
      const held = hold(scene, 'link token');
      return heldAt(scene, held, updating(needingAttention(scene), UPDATES.createRepairLinkToken, REPLY_KEY));
    },
  },
  'the Item looked at for a caller': {
    async arrive(scene) {
      const held = hold(scene, 'item');
      return heldAt(scene, held, updating(needingAttention(scene), UPDATES.confirmRepair));
    },
  },
  'the Item looked at after a webhook': {
    async arrive(scene) {
      const held = hold(scene, 'item');
      const point = await needingAttention(scene);
      await plaidWebhook(point.started.handle, { kind: 'sign_in_repaired', itemId: point.started.itemId });
      return heldAt(scene, held, Promise.resolve(point));
    },
  },
  'account withdrawn while its registration is under way': {
    async arrive(scene) {
      const point = await heldAt(scene, hold(scene, 'register'));
      return accountRevoked(Promise.resolve(point));
    },
  },
  'account withdrawn, its removal under way': {
    arrive: (scene) => heldAt(scene, hold(scene, 'delete'), accountRevoked(waiting(scene))),
  },
  'account withdrawn, its removal waiting for its next attempt': {
    arrive: (scene) => struck(scene, 'delete', () => accountRevoked(waiting(scene))),
  },
  'unlinking while the exchange settles': {
    arrive: (scene) => cancelledOnce(heldAt(scene, hold(scene, 'exchange'))),
  },
  'unlinking, the registration being removed': {
    arrive: (scene) => heldAt(scene, hold(scene, 'delete'), cancelledOnce(waiting(scene))),
  },
  'unlinking, the removal waiting for its next attempt': {
    arrive: (scene) => struck(scene, 'delete', () => cancelledOnce(linked(scene)), 2),
  },
  'unlinking, the Item being removed': {
    arrive: (scene) => heldAt(scene, hold(scene, 'remove item'), cancelledOnce(linked(scene))),
  },
  'unlinking with an update unfinished': {
    async arrive(scene) {
      const held = hold(scene, 'link token');
      const begin = heldAt(
        scene,
        held,
        updating(needingAttention(scene), UPDATES.createRepairLinkToken, REPLY_KEY),
      );
      const point = await cancelledOnce(begin);
      await scene.world.plaid.ledger.waitForEffect('item_removed', { userId: point.started.userId });
      return point;
    },
  },
  'the caller being told': { settings: { notify: true }, arrive: linked },
} as const satisfies Record<string, CancelCase>;

export type CancelCaseName = keyof typeof CANCEL_CASES;
