import { randomBytes } from 'node:crypto';
import type { Job } from '../../src/contract/jobs';
import { SIGNALS, UPDATES } from '../../src/contract/names';
import { isFinal } from '../../src/contract/states';
import type { LinkSettings } from '../../src/contract/workflow';
import type { Fault } from '../../src/simulators';
import {
  askForLinkToken,
  EMPLOYER,
  getLink,
  type Handle,
  plaidWebhook,
  RECURRING,
  viewWhen,
  webhook,
} from '../support/link-calls';
import { until } from '../support/until';
import type { StartOptions, World } from '../support/world';

const EXCHANGE = '/item/public_token/exchange';
const REGISTER = 'POST /plaid/processor-link';
const RESULT = 'GET employer-matches';
const BOTH: Job[] = [EMPLOYER, RECURRING];

/** One way for a link to go, played once for its history. */
export interface LinkPath {
  name: string;
  settings?: Partial<LinkSettings>;
  /** The server wants short histories. */
  on?: 'short';
  play(link: Player): Promise<void>;
}

/** What a path is played with: one link, and the providers around it. */
export class Player {
  readonly userId = `user-${randomBytes(6).toString('hex')}`;
  itemId = '';
  accountId = '';
  private started: Handle | undefined;

  constructor(readonly world: World) {}

  get handle(): Handle {
    if (!this.started) throw new Error('The link has not been started.');
    return this.started;
  }

  get isStarted(): boolean {
    return this.started !== undefined;
  }

  async start(options: StartOptions = {}): Promise<void> {
    const { handle, itemId, accountId } = await this.world.start({ ...options, userId: this.userId });
    Object.assign(this, { started: handle, itemId, accountId });
  }

  fault(operation: string, fault: Omit<Fault, 'operation' | 'userId'>): void {
    const { plaid, atomic } = this.world;
    const { faults } = operation.startsWith('/') ? plaid : atomic;
    faults.add({ operation, userId: this.userId, ...fault });
  }

  /** Resolves once the fault `hold` keeps such a request; the answer lets it go on. */
  async held(name: string): Promise<() => void> {
    const { plaid, atomic } = this.world;
    await until(() => plaid.faults.held(name) + atomic.faults.held(name) > 0);
    return () => {
      plaid.faults.release(name);
      atomic.faults.release(name);
    };
  }

  async registered(...jobs: Job[]): Promise<void> {
    await viewWhen(this.handle, (view) => jobs.every((job) => view.jobs[job]?.state === 'registered'));
  }

  async completed(...jobs: Job[]): Promise<void> {
    await viewWhen(this.handle, (view) => jobs.every((job) => view.jobs[job]?.state === 'completed'));
  }

  async attention(): Promise<void> {
    await viewWhen(this.handle, ({ state }) => state === 'needs_attention');
  }

  async over(): Promise<void> {
    await until(async () => (await this.handle.describe()).status.name !== 'RUNNING');
  }

  async unlinked(): Promise<void> {
    await this.handle.cancel();
    await this.over();
  }

  async signInExpires(): Promise<void> {
    await this.world.plaid.requireLogin(this.itemId, { webhook: false });
    await plaidWebhook(this.handle, { kind: 'sign_in_required', itemId: this.itemId });
    await this.attention();
  }

  async confirm(): Promise<void> {
    await this.world.plaid.repair(this.itemId, { webhook: false });
    await this.handle.executeUpdate(UPDATES.confirmRepair);
  }
}

/** Every path that a release has to be able to go on with. */
export const LINK_PATHS: readonly LinkPath[] = [
  {
    name: 'both-jobs-by-webhook',
    async play(link) {
      await linked(link, BOTH);
      await link.unlinked();
    },
  },
  {
    name: 'open-and-waiting',
    async play(link) {
      await link.start({ jobs: BOTH });
      await link.registered(...BOTH);
    },
  },
  {
    name: 'open-and-linked',
    async play(link) {
      await linked(link, BOTH);
    },
  },
  {
    name: 'by-poll',
    settings: { resultOverdueAfterMs: 500 },
    async play(link) {
      await link.start();
      await link.completed(EMPLOYER);
      await link.unlinked();
    },
  },
  {
    name: 'early-webhook',
    async play(link) {
      link.fault(REGISTER, { kind: { hold: 'early' } });
      await link.start();
      const release = await link.held('early');
      await webhook(link.handle, EMPLOYER);
      release();
      await link.completed(EMPLOYER);
      await link.unlinked();
    },
  },
  {
    name: 'webhook-twice',
    async play(link) {
      const body = randomBytes(32).toString('hex');
      await link.start();
      await link.registered(EMPLOYER);
      await webhook(link.handle, EMPLOYER, body);
      await link.completed(EMPLOYER);
      await webhook(link.handle, EMPLOYER, body);
      await webhook(link.handle, EMPLOYER);
      await link.world.atomic.ledger.waitFor(
        () => link.world.atomic.ledger.requests(RESULT, link.userId).length === 2,
      );
      await link.unlinked();
    },
  },
  {
    name: 'webhook-of-another-job',
    async play(link) {
      await link.start();
      await link.registered(EMPLOYER);
      await webhook(link.handle, RECURRING);
      await webhook(link.handle, EMPLOYER);
      await link.completed(EMPLOYER);
      await link.unlinked();
    },
  },
  {
    name: 'result-that-is-late',
    settings: { resultOverdueAfterMs: 60_000 },
    async play(link) {
      link.fault(RESULT, { kind: { status: 404 } });
      await linked(link, [EMPLOYER]);
      await link.unlinked();
    },
  },
  {
    name: 'refused-job',
    async play(link) {
      link.fault(REGISTER, { kind: { status: 400 } });
      await link.start({ jobs: BOTH });
      await viewWhen(link.handle, ({ state }) => state === 'waiting');
      await webhook(link.handle, EMPLOYER);
      await webhook(link.handle, RECURRING);
      await viewWhen(link.handle, ({ state }) => state === 'linked');
      await link.unlinked();
    },
  },
  {
    name: 'both-jobs-refused',
    async play(link) {
      link.fault(REGISTER, { times: 2, kind: { status: 422 } });
      await link.start({ jobs: BOTH });
      await link.over();
    },
  },
  {
    name: 'result-too-large',
    async play(link) {
      link.world.atomic.setResultBytes(EMPLOYER, link.userId, 1_100_000);
      await link.start();
      await link.registered(EMPLOYER);
      await webhook(link.handle, EMPLOYER);
      await viewWhen(link.handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'failed');
      await link.unlinked();
    },
  },
  {
    name: 'result-timeout',
    settings: { resultOverdueAfterMs: 300, resultGiveUpAfterMs: 1_000 },
    async play(link) {
      link.fault(RESULT, { times: 'always', kind: { status: 404 } });
      await link.start();
      await viewWhen(link.handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'failed');
      await link.unlinked();
    },
  },
  cancelledDuring('exchanging', EXCHANGE),
  cancelledDuring('creating-processor-token', '/processor/token/create'),
  cancelledDuring('registering', REGISTER),
  {
    name: 'cancelled-while-waiting',
    async play(link) {
      await link.start({ jobs: BOTH });
      await link.registered(...BOTH);
      await link.unlinked();
    },
  },
  {
    name: 'cancelled-while-fetching',
    async play(link) {
      link.fault(RESULT, { kind: { status: 500 } });
      link.fault(RESULT, { kind: { hold: 'fetching' } });
      await link.start();
      await link.registered(EMPLOYER);
      await webhook(link.handle, EMPLOYER);
      const release = await link.held('fetching');
      await link.handle.cancel();
      await viewWhen(link.handle, ({ state }) => state === 'unlinking' || isFinal(state));
      release();
      await link.over();
    },
  },
  {
    name: 'cancelled-while-needing-attention',
    async play(link) {
      await linked(link, [EMPLOYER]);
      await link.signInExpires();
      await link.unlinked();
    },
  },
  {
    name: 'cancelled-before-the-next-attempt',
    async play(link) {
      link.fault(REGISTER, { kind: { status: 500 } });
      link.fault(REGISTER, { times: 'always', kind: { status: 503, headers: { 'retry-after': '60' } } });
      await link.start();
      await until(async () => {
        const [activity] = (await link.handle.describe()).raw.pendingActivities ?? [];
        return (activity?.attempt ?? 0) > 1;
      });
      await link.unlinked();
    },
  },
  {
    name: 'unlink-that-is-refused-at-first',
    async play(link) {
      await linked(link, [EMPLOYER]);
      link.fault('DELETE /plaid/processor-link', { times: 2, kind: { status: 500 } });
      link.fault('/item/remove', { kind: { plaidError: 'INTERNAL_SERVER_ERROR' } });
      await link.unlinked();
    },
  },
  {
    name: 'repaired-by-the-caller',
    async play(link) {
      await linked(link, [EMPLOYER]);
      await link.signInExpires();
      await askForLinkToken(link.handle);
      await link.handle.executeUpdate(UPDATES.confirmRepair).catch(() => undefined);
      await link.confirm();
      await link.unlinked();
    },
  },
  {
    name: 'repaired-by-webhook',
    async play(link) {
      await link.start();
      await link.registered(EMPLOYER);
      await link.signInExpires();
      await link.world.plaid.repair(link.itemId, { webhook: false });
      await plaidWebhook(link.handle, { kind: 'sign_in_repaired', itemId: link.itemId });
      await viewWhen(link.handle, ({ state }) => state === 'waiting');
      await link.unlinked();
    },
  },
  {
    name: 'sign-in-needed-before-a-token',
    async play(link) {
      link.fault('/accounts/get', { kind: { plaidError: 'ITEM_LOGIN_REQUIRED' } });
      await link.start();
      await link.attention();
      await link.confirm();
      await link.registered(EMPLOYER);
      await link.unlinked();
    },
  },
  {
    name: 'warned',
    async play(link) {
      await linked(link, [EMPLOYER]);
      await plaidWebhook(link.handle, { kind: 'pending_disconnect', itemId: link.itemId });
      await plaidWebhook(link.handle, { kind: 'pending_expiration', itemId: 'another-item' });
      await viewWhen(link.handle, ({ warning }) => warning !== undefined);
      await link.confirm();
      await link.unlinked();
    },
  },
  {
    name: 'account-moved',
    async play(link) {
      await linked(link, BOTH);
      await link.signInExpires();
      link.world.plaid.changeAccountId(link.itemId);
      await link.confirm();
      await link.registered(...BOTH);
      await webhook(link.handle, EMPLOYER);
      await link.completed(EMPLOYER);
      await link.unlinked();
    },
  },
  {
    name: 'account-revoked',
    async play(link) {
      await linked(link, [EMPLOYER]);
      await link.world.plaid.revokeAccount(link.itemId);
      await link.handle.signal(SIGNALS.plaidWebhook, {
        kind: 'account_revoked',
        accountId: link.accountId,
        itemId: link.itemId,
        bodySha256: randomBytes(32).toString('hex'),
      });
      await viewWhen(link.handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'pending');
      link.world.plaid.addAccount(link.itemId, { type: 'depository', subtype: 'checking', mask: '0000' });
      await link.confirm();
      await link.registered(EMPLOYER);
      await link.unlinked();
    },
  },
  {
    name: 'permission-revoked',
    async play(link) {
      await linked(link, [EMPLOYER]);
      await link.world.plaid.revokePermission(link.itemId);
      await plaidWebhook(link.handle, { kind: 'permission_revoked', itemId: link.itemId });
      await link.over();
    },
  },
  {
    name: 'item-lost',
    async play(link) {
      await linked(link, [EMPLOYER]);
      await link.signInExpires();
      await link.world.plaid.revokePermission(link.itemId);
      await link.handle.executeUpdate(UPDATES.confirmRepair).catch(() => undefined);
      await link.over();
    },
  },
  {
    name: 'waits-for-history',
    settings: { waitForHistoryMs: 3_600_000 },
    async play(link) {
      await link.start();
      await viewWhen(link.handle, ({ state }) => state === 'registering');
      await plaidWebhook(link.handle, { kind: 'history_ready', itemId: link.itemId });
      await link.registered(EMPLOYER);
      await link.unlinked();
    },
  },
  {
    name: 'waits-for-history-in-vain',
    settings: { waitForHistoryMs: 1_500 },
    async play(link) {
      await link.start();
      await link.registered(EMPLOYER);
      await link.unlinked();
    },
  },
  {
    name: 'jobs-again',
    async play(link) {
      await linked(link, [EMPLOYER]);
      const waiting = link.handle.executeUpdate(UPDATES.runJob, { args: [{ job: EMPLOYER }] });
      await link.handle.executeUpdate(UPDATES.runJob, { args: [{ job: RECURRING }] });
      await waiting;
      await link.registered(...BOTH);
      const settled = link.handle.executeUpdate(UPDATES.waitForJob, { args: [{ job: EMPLOYER }] });
      await webhook(link.handle, EMPLOYER);
      await settled;
      await webhook(link.handle, RECURRING);
      await link.completed(...BOTH);
      await link.unlinked();
    },
  },
  {
    name: 'access-token',
    async play(link) {
      await linked(link, [EMPLOYER], { fromAccessToken: true });
      await link.unlinked();
    },
  },
  {
    name: 'keeps-the-item',
    settings: { removeItemOnUnlink: false },
    async play(link) {
      await linked(link, [EMPLOYER]);
      await link.unlinked();
    },
  },
  {
    name: 'failed-exchange',
    async play(link) {
      link.fault(EXCHANGE, { kind: 'reset-after' });
      await link.start();
      await link.over();
    },
  },
  {
    name: 'account-required',
    async play(link) {
      await link.start({ accounts: 'checking-and-savings' });
      await link.attention();
      const { choices = [] } = await getLink(link.handle);
      const accountId = choices[1]?.accountId ?? '';
      await link.handle.executeUpdate(UPDATES.chooseAccount, { args: [{ accountId }] });
      await link.registered(EMPLOYER);
      await link.unlinked();
    },
  },
  {
    name: 'told-to-wait',
    async play(link) {
      link.fault(REGISTER, { times: 2, kind: { status: 429, headers: { 'retry-after': '1' } } });
      await linked(link, [EMPLOYER]);
      await link.unlinked();
    },
  },
  {
    name: 'tells-the-caller',
    settings: { notify: true },
    async play(link) {
      await linked(link, BOTH);
      await link.signInExpires();
      await link.confirm();
      await link.unlinked();
    },
  },
  {
    name: 'continues-as-new',
    on: 'short',
    async play(link) {
      await linked(link, BOTH);
      await plaidWebhook(link.handle, { kind: 'pending_disconnect', itemId: link.itemId });
      const { runId } = await getLink(link.handle);
      await until(async () => {
        await plaidWebhook(link.handle, { kind: 'pending_disconnect', itemId: 'another-item' });
        return (await getLink(link.handle)).runId !== runId;
      });
      await link.handle.executeUpdate(UPDATES.runJob, { args: [{ job: EMPLOYER }] });
      await link.registered(EMPLOYER);
      await webhook(link.handle, EMPLOYER);
      await link.completed(EMPLOYER);
      await link.unlinked();
    },
  },
];

async function linked(link: Player, jobs: Job[], options: StartOptions = {}): Promise<void> {
  await link.start({ ...options, jobs });
  await link.registered(...jobs);
  for (const job of jobs) await webhook(link.handle, job);
  await viewWhen(link.handle, ({ state }) => state === 'linked');
}

function cancelledDuring(step: string, operation: string): LinkPath {
  return {
    name: `cancelled-while-${step}`,
    async play(link) {
      link.fault(operation, { when: 'after', kind: { hold: step } });
      await link.start();
      const release = await link.held(step);
      await link.handle.cancel();
      await viewWhen(link.handle, ({ state }) => state === 'unlinking' || isFinal(state));
      release();
      await link.over();
    },
  };
}
