import { createHash, randomUUID } from 'node:crypto';
import { isGrpcServiceError, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { type FailureCode, isFailureCode } from '../../src/contract/failures';
import type { Job } from '../../src/contract/jobs';
import { SIGNALS, UPDATES } from '../../src/contract/names';
import type { LinkView } from '../../src/contract/schemas';
import { isFinal, isSettled, type LinkState } from '../../src/contract/states';
import type { PlaidWebhookSignal } from '../../src/contract/workflow';
import { LINK_EDGES } from '../../workflows/link-view';
import { getLink, type Handle } from '../support/link-calls';
import type { World } from '../support/world';
import { type Stage, WAIT_FOR_HISTORY_MS } from './stage';
import { lookUntil } from './time';

/** Most steps are tried again within this time. */
const REST_MS = 2_000;

type PlaidEvent = PlaidWebhookSignal extends infer Signal
  ? Signal extends PlaidWebhookSignal
    ? Omit<Signal, 'itemId' | 'bodySha256'>
    : never
  : never;

/** What a run's link begins as. */
export interface Scenario {
  jobs: Job[];
  fromAccessToken: boolean;
  persistentAccountId: boolean;
  /** The bank gives two accounts, of which the user has to choose one. */
  twoAccounts: boolean;
  waitForHistory: boolean;
  removeItemOnUnlink: boolean;
  notify: boolean;
}

/** One link in the world, and all that was done to it so far. */
export class LinkUnderTest {
  /** Atomic's webhooks that were delivered, to be delivered again. */
  readonly bodies: { job: Job; bodySha256: string }[] = [];
  /** Plaid's too. */
  readonly plaidSignals: { event: PlaidEvent; itemId: string; bodySha256: string }[] = [];
  /** Codes that the link may fail with, for what was done to it. */
  readonly mayFailWith = new Set<FailureCode>();
  /** An unlink was asked for, by us or by the bank's user. */
  ended = false;
  moves = 0;
  withdrawals = 0;
  choices = 0;
  restarts = 0;
  exchangeMayBeLost = false;
  private last: LinkView | undefined;
  private readonly updates: Promise<unknown>[] = [];

  constructor(
    readonly world: World,
    readonly scenario: Scenario,
    readonly handle: Handle,
    readonly userId: string,
    readonly itemId: string,
  ) {}

  static async start({ world }: Stage, scenario: Scenario): Promise<LinkUnderTest> {
    const {
      jobs,
      fromAccessToken,
      persistentAccountId,
      twoAccounts,
      waitForHistory,
      removeItemOnUnlink,
      notify,
    } = scenario;
    Object.assign(world.settings, {
      waitForHistoryMs: waitForHistory ? WAIT_FOR_HISTORY_MS : 0,
      removeItemOnUnlink,
      notify,
    });
    const { handle, userId, itemId } = await world.start({
      jobs,
      fromAccessToken,
      accounts: [
        {
          type: 'depository',
          ...(persistentAccountId && { persistentAccountId: `persistent-${randomUUID()}` }),
        },
        { type: 'credit', mask: '9999' },
        ...(twoAccounts ? [{ type: 'depository' as const, subtype: 'savings', mask: '2222' }] : []),
      ],
    });
    return new LinkUnderTest(world, scenario, handle, userId, itemId);
  }

  mayFail(code: string | undefined): boolean {
    return isFailureCode(code) && this.mayFailWith.has(code);
  }

  /** The LinkView, once it was checked against the one before. */
  async look(): Promise<LinkView> {
    const view = await getLink(this.handle);
    const { last } = this;
    if (last) {
      if (view.state !== last.state && !reachable(last.state, () => true).has(view.state)) {
        throw new Error(`The link went from ${last.state} to ${view.state}.`);
      }
      expect(view).toMatchObject({ userId: last.userId, createdAt: last.createdAt });
      expect(Object.keys(view.jobs)).toEqual(expect.arrayContaining(Object.keys(last.jobs)));
      if (last.itemId !== undefined) expect(view.itemId).toBe(last.itemId);
    }
    this.last = view;
    return view;
  }

  /** Lets time pass until nothing is under way, or for some seconds. */
  rest(): Promise<LinkView> {
    return lookUntil(() => this.look(), isResting, REST_MS);
  }

  atomicWebhook(job: Job, bodySha256: string = newBody()): Promise<void> {
    this.bodies.push({ job, bodySha256 });
    return this.whileOpen(() => this.handle.signal(SIGNALS.atomicWebhook, { job, bodySha256 }));
  }

  plaidWebhook(
    event: PlaidEvent,
    itemId: string = this.itemId,
    bodySha256: string = newBody(),
  ): Promise<void> {
    this.plaidSignals.push({ event, itemId, bodySha256 });
    return this.whileOpen(() => this.handle.signal(SIGNALS.plaidWebhook, { ...event, itemId, bodySha256 }));
  }

  /** Sends an update and goes on; how it ends is looked at when the link is over. */
  update(name: keyof typeof UPDATES, argument: unknown = {}): void {
    const allowed = [
      'not_linked',
      'not_needed',
      'still_needs_attention',
      'job_not_found',
      'account_not_found',
    ];
    const passing = ['provider_unavailable', 'bank_unavailable', 'configuration_error', 'sign_in_required'];
    const sent = this.ask(name, argument).catch((error: unknown) => {
      if (isOver(error)) return;
      const code = error instanceof WorkflowUpdateFailedError ? codeOf(error) : undefined;
      const known = [...allowed, ...passing, 'access_revoked', 'AcceptedUpdateCompletedWorkflow'];
      if (code === undefined || !known.includes(code)) {
        throw new Error(`${name} was refused: ${causesOf(error)}`, { cause: error });
      }
    });
    sent.catch(() => undefined);
    this.updates.push(sent);
  }

  /** Asks until the update is taken: Temporal refuses one that meets a run on its way out. */
  private async ask(name: keyof typeof UPDATES, argument: unknown): Promise<unknown> {
    for (;;) {
      try {
        return await this.handle.executeUpdate(UPDATES[name], { args: [argument] });
      } catch (error) {
        const cause = error instanceof Error ? String(error.cause) : '';
        if (!cause.includes('unexpected workflow task failure')) throw error;
      }
    }
  }

  /** Every update was answered. */
  async updatesAnswered(): Promise<void> {
    await Promise.all(this.updates);
  }

  async cancel(): Promise<void> {
    this.ended = true;
    await this.handle.cancel().catch((error: unknown) => {
      if (!isOver(error)) throw error;
    });
  }

  private async whileOpen(send: () => Promise<void>): Promise<void> {
    try {
      await send();
    } catch (error) {
      if (!isOver(error)) throw error;
    }
  }
}

/** No step is under way that would end by itself within seconds. */
function isResting(view: LinkView): boolean {
  if (isFinal(view.state) || view.state === 'needs_attention' || view.state === 'linked') return true;
  return (
    view.state === 'waiting' &&
    Object.values(view.jobs).every((job) => isSettled(job.state) || job.state === 'registered')
  );
}

/** States that a link can get to from `from`, over states that satisfy `through`. */
export function reachable(from: LinkState, through: (state: LinkState) => boolean): Set<LinkState> {
  const found = new Set<LinkState>();
  const next = [...LINK_EDGES[from]];
  for (let state = next.pop(); state; state = next.pop()) {
    if (found.has(state)) continue;
    found.add(state);
    if (through(state)) next.push(...LINK_EDGES[state]);
  }
  return found;
}

function newBody(): string {
  return createHash('sha256').update(randomUUID()).digest('hex');
}

/** The workflow has closed: whatever is sent to it finds nobody. */
function isOver(error: unknown): boolean {
  if (error instanceof WorkflowNotFoundError) return true;
  return isGrpcServiceError(error) && error.code === 5;
}

function causesOf(error: unknown): string {
  return error instanceof Error ? [error.message, causesOf(error.cause)].filter(Boolean).join(': ') : '';
}

function codeOf(error: Error): string | undefined {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('type' in cause && typeof cause.type === 'string' && cause.type) return cause.type;
  }
  return undefined;
}
