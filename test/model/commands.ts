import fc from 'fast-check';
import { JOBS, type Job } from '../../src/contract/jobs';
import { REPLY_KEY } from '../support/link-calls';
import { anyFault, EXCHANGE, fatalities, type PlannedFault, REGISTER } from './faults';
import type { LinkUnderTest } from './link-under-test';
import { pass } from './time';

/** What is counted of the commands; whether one makes sense is looked at as it runs, since all else goes on meanwhile. */
export interface Model {
  commands: number;
}
type Command = fc.AsyncCommand<Model, LinkUnderTest>;
type Commands = fc.Arbitrary<Command>;

/** Everything that happens to a link, by whoever does it. What stands twice happens twice as often. */
export function linkCommands(): Commands[] {
  return [
    ...atomicCommands(),
    ...bankCommands(),
    ...userCommands(),
    ...callerCommands(),
    faultCommand(),
    faultCommand(),
    conflictCommand(),
    ...otherCommands(),
  ];
}

const job = fc.constantFrom<Job>(...JOBS);

function atomicCommands(): Commands[] {
  return [
    // Early, for a job that is not done, or for one that was not asked for.
    job.map((one) => command(`webhook(${one})`, (link) => link.atomicWebhook(one))),
    job.map((one) =>
      command(`finishes(${one})`, async (link) => {
        if (await completed(link, one)) await link.atomicWebhook(one);
      }),
    ),
    fc.nat({ max: 20 }).map((which) =>
      command(`webhookAgain(${which})`, async (link) => {
        const earlier = link.bodies[which % Math.max(link.bodies.length, 1)];
        if (earlier) await link.atomicWebhook(earlier.job, earlier.bodySha256);
      }),
    ),
  ];
}

/** What the bank does, and Plaid tells of it. */
function bankCommands(): Commands[] {
  return [
    fc.boolean().map((told) =>
      command(`signInExpires(${told ? 'told' : 'untold'})`, async (link) => {
        if (!hasItem(link)) return;
        await link.world.plaid.requireLogin(link.itemId, { webhook: false });
        if (told) await link.plaidWebhook({ kind: 'sign_in_required' });
      }),
    ),
    always('accountMoves', async (link) => {
      if (!accountOf(link)) return;
      link.moves += 1;
      // Before the link has heard of it, Atomic may refuse the dead token.
      link.mayFailWith.add('provider_rejected');
      link.world.plaid.changeAccountId(link.itemId);
      await link.plaidWebhook({ kind: 'sign_in_required' });
      link.update('confirmRepair');
    }),
    fc
      .constantFrom('pending_disconnect' as const, 'pending_expiration' as const)
      .map((kind) => command(kind, (link) => link.plaidWebhook({ kind }))),
    // Late, or overtaken by what has happened since.
    fc
      .constantFrom('sign_in_required' as const, 'sign_in_repaired' as const, 'item_heard_of' as const)
      .map((kind) => command(`stale ${kind}`, (link) => link.plaidWebhook({ kind }))),
    fc.nat({ max: 20 }).map((which) =>
      command(`plaidWebhookAgain(${which})`, async (link) => {
        const earlier = link.plaidSignals[which % Math.max(link.plaidSignals.length, 1)];
        if (earlier) await link.plaidWebhook(earlier.event, earlier.itemId, earlier.bodySha256);
      }),
    ),
    always('anotherAccountAppears', (link) => {
      if (!hasItem(link)) return;
      link.world.plaid.addAccount(link.itemId, { type: 'depository', mask: '1111', subtype: 'savings' });
    }),
    always('historyIsReady', async (link) => {
      if (hasItem(link)) await link.world.plaid.historyReady(link.itemId, { webhook: false });
      await link.plaidWebhook({ kind: 'history_ready' });
    }),
    always('anotherItemIsRevoked', (link) =>
      link.plaidWebhook({ kind: 'permission_revoked' }, 'another-item'),
    ),
  ];
}

/** What the user does at the bank. */
function userCommands(): Commands[] {
  return [
    fc.constantFrom('webhook' as const, 'caller' as const, 'nobody' as const).map((teller) =>
      command(`userSignsIn(${teller} tells)`, async (link) => {
        if (hasItem(link)) await link.world.plaid.repair(link.itemId, { webhook: false });
        if (teller === 'webhook') await link.plaidWebhook({ kind: 'sign_in_repaired' });
        if (teller === 'caller') link.update('confirmRepair');
      }),
    ),
    always('accountIsRevoked', async (link) => {
      const accountId = accountOf(link);
      if (accountId === undefined) return;
      link.withdrawals += 1;
      // Before the link has heard of it, Atomic may refuse the dead token.
      link.mayFailWith.add('provider_rejected');
      await link.world.plaid.revokeAccount(link.itemId, accountId);
      await link.plaidWebhook({ kind: 'account_revoked', accountId });
    }),
    always('userSharesTheAccountAgain', (link) => shareAgain(link)),
    always('permissionIsRevoked', async (link) => {
      if (!hasItem(link)) return;
      // Before the link has heard of it, Atomic may refuse the dead token.
      link.mayFailWith.add('access_revoked').add('provider_rejected');
      link.ended = true;
      await link.world.plaid.revokePermission(link.itemId);
      await link.plaidWebhook({ kind: 'permission_revoked' });
    }),
  ];
}

/** What the backend asks for. */
function callerCommands(): Commands[] {
  return [
    job.map((one) => command(`runJob(${one})`, (link) => link.update('runJob', { job: one }))),
    job.map((one) => command(`waitForJob(${one})`, (link) => link.update('waitForJob', { job: one }))),
    fc
      .boolean()
      .map((isThere) =>
        command(`chooses(${isThere ? 'an account' : 'none of them'})`, (link) =>
          choose(link, isThere ? accountOf(link) : 'another'),
        ),
      ),
    always('repairToken', (link) => link.update('createRepairLinkToken', REPLY_KEY)),
    always('cancel', (link) => link.cancel()),
  ];
}

function faultCommand(): Commands {
  return anyFault.map((fault) => command(`fault(${JSON.stringify(fault)})`, (link) => inject(link, fault)));
}

/** Atomic has taken a registration, unheard, and refuses it when it comes again. */
function conflictCommand(): Commands {
  return always('registrationIsLostThenRefused', (link) => {
    const { faults } = link.world.atomic;
    const registration = { operation: REGISTER, userId: link.userId };
    faults.add({ ...registration, kind: 'reset-after' });
    faults.add({ ...registration, kind: { status: 409, body: '{"error":"exists"}' } });
    // Where the other job's registration meets the 409, it is the first.
    link.mayFailWith.add('provider_rejected');
  });
}

function otherCommands(): Commands[] {
  const rest = always('rest', async (link) => void (await link.rest()));
  return [
    always('workerRestarts', async (link) => {
      link.restarts += 1;
      await link.world.restartWorker();
    }),
    rest,
    rest,
    // A moment, until a poll is due, and until a result is given up.
    fc.constantFrom(30, 300, 2_600).map((ms) => command(`pass(${ms} ms)`, () => pass(ms))),
  ];
}

function command(name: string, run: (link: LinkUnderTest) => Promise<void> | void): Command {
  return {
    check: () => true,
    run: async (model, link) => {
      model.commands += 1;
      await run(link);
    },
    toString: () => name,
  };
}

function always(name: string, run: (link: LinkUnderTest) => Promise<void> | void): Commands {
  return fc.constant(command(name, run));
}

function inject(link: LinkUnderTest, fault: PlannedFault): void {
  const { provider, ...rest } = fault;
  link.world[provider].faults.add({ ...rest, userId: link.userId });
  for (const code of fatalities(fault)) link.mayFailWith.add(code);
  if (fault.operation === EXCHANGE) link.exchangeMayBeLost = true;
}

/** Ends the job at Atomic, if it runs there. */
export async function completed({ world, userId }: LinkUnderTest, job: Job): Promise<boolean> {
  const runs = world.atomic.links(userId).some((held) => held.job === job && held.state === 'running');
  if (runs) await world.atomic.completeJob(userId, job);
  return runs;
}

/** Whether the Item lives. */
export function hasItem({ world, itemId }: LinkUnderTest): boolean {
  return world.plaid.items().some((item) => item.itemId === itemId && item.life === 'live');
}

/** The id of the link's account while the Item has it: the only one at a bank. */
export function accountOf({ world, itemId }: LinkUnderTest): string | undefined {
  const item = world.plaid.items().find((one) => one.itemId === itemId && one.life === 'live');
  return item?.accounts.find((account) => account.type === 'depository')?.accountId;
}

/** The user chooses an account, where the link asks. */
export function choose(link: LinkUnderTest, accountId: string | undefined): void {
  if (accountId === undefined) return;
  link.choices += 1;
  link.update('chooseAccount', { accountId });
}

/** The account comes back as the same one, by what a bank tells of it. */
export async function shareAgain(link: LinkUnderTest): Promise<void> {
  if (!hasItem(link) || accountOf(link) !== undefined) return;
  link.moves += 1;
  link.world.plaid.addAccount(link.itemId, { type: 'depository', mask: '0000', subtype: 'checking' });
  link.update('confirmRepair');
}
