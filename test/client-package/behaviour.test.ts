import { randomUUID } from 'node:crypto';
import type { Job } from '../../src/contract/jobs';
import { workflowIdOf } from '../../src/contract/names';
import { FakeLinkClient, LinkClientError, type Links, type LinkView } from '../../src/link-client';
import { EMPLOYER, plaidWebhook, RECURRING, webhook } from '../support/link-calls';
import { useWorld } from '../support/world';

jest.setTimeout(60_000);

/** A client, and what a test has happen outside. */
interface Scene {
  links: Links;
  publicToken(userId: string): string;
  /** Atomic finishes the job. */
  completeJob(userId: string, job: Job): Promise<void>;
  requireSignIn(userId: string): Promise<void>;
  signIn(userId: string): Promise<void>;
  /** A public token of a bank at which the user has two accounts, checking and savings. */
  bankOfTwoAccounts(userId: string): string;
  /** The link of such a token asks which account it is. */
  askForAccount(userId: string): void;
}

function fakeScene(): () => Scene {
  const links = new FakeLinkClient();
  return () => ({
    links,
    publicToken: () => `public-sandbox-${randomUUID()}`,
    completeJob: async (userId, job) => links.completeJob(userId, job, [{ name: 'Acme' }]),
    bankOfTwoAccounts: () => `public-sandbox-${randomUUID()}`,
    askForAccount: (userId) =>
      links.askForAccount(userId, [
        { accountId: 'account-1', name: 'Checking' },
        { accountId: 'account-2', name: 'Savings', mask: '1111' },
      ]),
    requireSignIn: async (userId) => links.requireSignIn(userId),
    signIn: async (userId) => links.signIn(userId),
  });
}

function realScene(): () => Scene {
  const world = useWorld();
  const itemOf = (userId: string): string => {
    const [item] = world.plaid.items(userId);
    if (!item) throw new Error('The user has no Item.');
    return item.itemId;
  };
  const handleOf = (userId: string) =>
    Object.assign(world.client.workflow.getHandle(workflowIdOf(userId)), { firstExecutionRunId: '' });
  return () => {
    const { plaid } = world;
    return {
      links: world.linkClient(),
      publicToken: (userId) => plaid.createPublicToken({ userId }).publicToken,
      completeJob: (userId, job) => webhook(handleOf(userId), job),
      bankOfTwoAccounts: (userId) =>
        plaid.createPublicToken({ userId, accounts: 'checking-and-savings' }).publicToken,
      // It does by itself.
      askForAccount: () => undefined,
      async requireSignIn(userId) {
        await plaid.requireLogin(itemOf(userId), { webhook: false });
        await plaidWebhook(handleOf(userId), { kind: 'sign_in_required', itemId: itemOf(userId) });
      },
      signIn: (userId) => plaid.repair(itemOf(userId), { webhook: false }),
    };
  };
}

describe.each([
  { name: 'LinkClient', open: realScene },
  { name: 'FakeLinkClient', open: fakeScene },
])('$name', ({ open }) => {
  const scene = open();

  async function started(...jobs: Job[]): Promise<string> {
    const userId = `user-${randomUUID()}`;
    const { links, publicToken } = scene();
    await links.start({ userId, publicToken: publicToken(userId), jobs });
    await viewWhen(userId, ({ state }) => state === 'waiting');
    return userId;
  }

  async function linked(...jobs: Job[]): Promise<string> {
    const userId = await started(...jobs);
    for (const job of jobs) await scene().completeJob(userId, job);
    await viewWhen(userId, ({ state }) => state === 'linked');
    return userId;
  }

  async function viewWhen(userId: string, holds: (view: LinkView) => boolean): Promise<LinkView> {
    for (;;) {
      const view = await scene().links.get(userId);
      if (holds(view)) return view;
    }
  }

  async function codeOf(call: Promise<unknown>): Promise<string> {
    try {
      await call;
      return 'resolved';
    } catch (error) {
      if (error instanceof LinkClientError) return error.code;
      throw error;
    }
  }

  it('starts a link once, and finds it again by the same request with its jobs in any order', async () => {
    const { links, publicToken } = scene();
    const userId = `user-${randomUUID()}`;
    const token = publicToken(userId);
    const first = await links.start({ userId, publicToken: token, jobs: [EMPLOYER, RECURRING] });
    expect(first).toMatchObject({ created: true, link: { userId, state: 'exchanging' } });
    const again = await links.start({ userId, publicToken: token, jobs: [RECURRING, EMPLOYER] });
    expect(again).toMatchObject({ created: false, link: { runId: first.link.runId } });
    await links.unlink(userId, { waitMs: 20_000 });
    const afterwards = await links.start({ userId, publicToken: token, jobs: [EMPLOYER, RECURRING] });
    expect(afterwards).toMatchObject({ created: false, link: { state: 'unlinked' } });
  });

  it('refuses another request of a user whose link is open', async () => {
    const userId = await started(EMPLOYER);
    const { links, publicToken } = scene();
    const other = { userId, publicToken: publicToken(userId), jobs: [EMPLOYER] };
    expect(await codeOf(links.start(other))).toBe('already_linked');
    await links.unlink(userId);
  });

  it('refuses values of the wrong shape, and names the field', async () => {
    const { links } = scene();
    await expect(
      links.start({ userId: 'a', publicToken: 'nonsense', jobs: [EMPLOYER] }),
    ).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringContaining('publicToken') });
    await expect(links.get('/')).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('waits for a job, and gives its result', async () => {
    const userId = await started(EMPLOYER);
    const { links, completeJob } = scene();
    const waiting = links.waitForJob(userId, EMPLOYER, { waitMs: 20_000 });
    await completeJob(userId, EMPLOYER);
    const answer = await waiting;
    expect(answer).toMatchObject({ job: EMPLOYER, state: 'completed', result: expect.any(Array) });
    expect(JSON.parse(answer.resultText ?? '')).toEqual(answer.result);
    await links.unlink(userId);
  });

  it('answers with the state of a job as it is when time is up', async () => {
    const userId = await started(EMPLOYER);
    const { links } = scene();
    const answer = await links.waitForJob(userId, EMPLOYER, { waitMs: 50 });
    expect(answer).toMatchObject({ state: 'registered' });
    expect(answer).not.toHaveProperty('result');
    expect(await codeOf(links.waitForJob(userId, RECURRING))).toBe('job_not_found');
    await links.unlink(userId);
  });

  it('ends a wait that is aborted with the reason', async () => {
    const userId = await started(EMPLOYER);
    const abort = new AbortController();
    const waiting = scene().links.waitForJob(userId, EMPLOYER, { waitMs: 60_000, signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await scene().links.unlink(userId);
  });

  it('runs a further job, and joins one that runs', async () => {
    const userId = await linked(EMPLOYER);
    const { links } = scene();
    expect(await links.runJob(userId, RECURRING)).toMatchObject({ jobs: { [RECURRING]: {} } });
    await links.runJob(userId, RECURRING);
    await viewWhen(userId, ({ state, jobs }) => state === 'waiting' && jobs[RECURRING] !== undefined);
    await links.unlink(userId);
  });

  it('lists a link by its state and job, once the index has it', async () => {
    const userId = await linked(EMPLOYER);
    const { links } = scene();
    const rowOf = async () => {
      const page = await links.list({ state: 'linked', job: EMPLOYER, pageSize: 200 });
      return page.links.find((link) => link.userId === userId);
    };
    let row = await rowOf();
    for (; row === undefined; row = await rowOf());
    expect(row).toMatchObject({ userId, state: 'linked', jobs: [EMPLOYER] });
    await links.unlink(userId);
  });

  it('repairs a link once the user has signed in', async () => {
    const userId = await linked(EMPLOYER);
    const { links, requireSignIn, signIn } = scene();
    expect(await codeOf(links.createRepairLinkToken(userId))).toBe('not_needed');
    await requireSignIn(userId);
    const view = await viewWhen(userId, ({ state }) => state === 'needs_attention');
    expect(view.error).toMatchObject({ code: 'sign_in_required', action: 'repair' });
    expect(await links.createRepairLinkToken(userId)).toEqual({
      linkToken: expect.stringMatching(/^link-/),
      expiration: expect.any(String),
    });
    expect(await codeOf(links.confirmRepair(userId))).toBe('still_needs_attention');
    await signIn(userId);
    expect(await links.confirmRepair(userId)).toMatchObject({
      alreadyRepaired: false,
      link: { state: 'linked' },
    });
    expect(await links.confirmRepair(userId)).toMatchObject({
      alreadyRepaired: true,
      link: { state: 'linked' },
    });
    await links.unlink(userId);
  });

  it('lets the user choose the account where the link asks for one', async () => {
    const userId = `user-${randomUUID()}`;
    const { links, bankOfTwoAccounts, askForAccount } = scene();
    await links.start({ userId, publicToken: bankOfTwoAccounts(userId), jobs: [EMPLOYER] });
    expect(await codeOf(links.chooseAccount(`${userId}-other`, 'account-2'))).toBe('not_linked');
    askForAccount(userId);
    const asking = await viewWhen(userId, ({ state }) => state === 'needs_attention');
    expect(asking.error).toMatchObject({ code: 'account_required', action: 'choose_account' });
    const [, savings] = asking.choices ?? [];
    if (!savings) throw new Error('There are two choices.');
    expect(savings).toMatchObject({ name: expect.stringContaining('Savings'), mask: '1111' });
    expect(await codeOf(links.chooseAccount(userId, 'account-of-another'))).toBe('account_not_found');
    const chosen = await links.chooseAccount(userId, savings.accountId);
    expect(chosen).not.toHaveProperty('choices');
    const going = await viewWhen(userId, ({ state }) => state === 'waiting');
    expect(going).toMatchObject({ accountId: savings.accountId });
    expect(going).not.toHaveProperty('error');
    expect(await codeOf(links.chooseAccount(userId, savings.accountId))).toBe('not_needed');
    await links.unlink(userId);
  });

  it('unlinks, and keeps no result', async () => {
    const userId = await linked(EMPLOYER);
    const { links } = scene();
    expect(await codeOf(links.unlink(userId, { runId: randomUUID() }))).toBe('not_linked');
    expect(await links.unlink(userId, { waitMs: 20_000 })).toMatchObject({ state: 'unlinked' });
    expect(await links.unlink(userId)).toMatchObject({ state: 'unlinked' });
    expect(await links.waitForJob(userId, EMPLOYER)).not.toHaveProperty('result');
    expect(await codeOf(links.runJob(userId, EMPLOYER))).toBe('not_linked');
    expect(await codeOf(links.unlink(`user-${randomUUID()}`))).toBe('link_not_found');
  });

  it('erases a user, of whom nothing is known then', async () => {
    const userId = await linked(EMPLOYER);
    const { links } = scene();
    expect(await links.eraseUser(userId, { waitMs: 45_000 })).toEqual({ userId, erased: true });
    expect(await codeOf(links.get(userId))).toBe('link_not_found');
    expect(await links.eraseUser(userId)).toEqual({ userId, erased: true });
  });
});
