import { z } from 'zod';
import { JOBS } from '../contract/jobs';
import { jobSchema, userIdSchema } from '../contract/schemas';
import { StartError } from '../process/start-error';
import type { LocalProviders } from './providers';

const DEFAULT_DELAY_SECONDS = 10;
const DEFAULT_FAILURES = 3;

const user = { userId: userIdSchema };
/** What can be made to happen at the simulated Plaid and Atomic, for one user. */
export const simulationSchema = z.discriminatedUnion('event', [
  /** The bank asks for a sign-in: the Item is in ITEM_LOGIN_REQUIRED, and Plaid says so by webhook. */
  z.strictObject({ event: z.literal('require-login'), ...user }),
  /** The user signs in again, through Link in update mode. Nothing tells the service of it but the caller. */
  z.strictObject({ event: z.literal('sign-in'), ...user }),
  /** The account is no longer shared: USER_ACCOUNT_REVOKED. */
  z.strictObject({ event: z.literal('account-gone'), ...user }),
  /** Atomic sends the webhook of a job again, or of each job that it has. */
  z.strictObject({ event: z.literal('webhook'), ...user, job: jobSchema.optional() }),
  /** The user withdraws permission at the bank: USER_PERMISSION_REVOKED. */
  z.strictObject({ event: z.literal('revoke'), ...user }),
  /** The next call to Plaid and to Atomic that names the user is answered so much later. */
  z.strictObject({
    event: z.literal('delay'),
    ...user,
    seconds: z.coerce.number().min(0).max(600).default(DEFAULT_DELAY_SECONDS),
  }),
  /** The next calls for the user fail with a 500. */
  z.strictObject({
    event: z.literal('fail'),
    ...user,
    times: z.coerce.number().int().min(1).max(1_000).default(DEFAULT_FAILURES),
  }),
]);
export type Simulation = z.infer<typeof simulationSchema>;

type Simulators = Pick<LocalProviders, 'plaidSimulator' | 'atomicSimulator'>;

/** Makes it happen; says in a sentence what has. Throws {@link StartError} where it cannot. */
export async function simulate(simulation: Simulation, simulators: Simulators): Promise<string> {
  const { userId } = simulation;
  switch (simulation.event) {
    case 'require-login':
      await plaidOf(simulators).requireLogin(itemOf(simulators, userId));
      return `The bank asks ${userId} for a sign-in.`;
    case 'sign-in':
      await plaidOf(simulators).repair(itemOf(simulators, userId), { webhook: false });
      return `${userId} has signed in again. Now confirm it: POST /v1/links/${userId}/repaired`;
    case 'account-gone':
      await plaidOf(simulators).revokeAccount(itemOf(simulators, userId));
      return `The account of ${userId} is no longer shared.`;
    case 'webhook': {
      const atomic = atomicOf(simulators);
      const known = atomic.links(userId).map(({ job }) => job);
      const jobs = JOBS.filter((job) => known.includes(job) && (simulation.job ?? job) === job);
      if (jobs.length === 0) throw new StartError(`Atomic has no such job of ${userId}.`);
      const answers = await Promise.all(
        jobs.map(async (job) => {
          const { answer } = await atomic.webhooks.send({ userId, job });
          return `${job}: ${JSON.stringify(answer)}`;
        }),
      );
      return `Atomic has sent its webhook. ${answers.join(', ')}`;
    }
    case 'revoke':
      await plaidOf(simulators).revokePermission(itemOf(simulators, userId));
      return `${userId} has withdrawn permission.`;
    case 'delay': {
      const kind = { delayMs: simulation.seconds * 1000 };
      for (const { faults } of both(simulators)) faults.add({ userId, kind });
      return `The next call for ${userId} is answered ${simulation.seconds} s later.`;
    }
    case 'fail': {
      const { times } = simulation;
      for (const { faults } of both(simulators)) faults.add({ userId, times, kind: { status: 500 } });
      return `The next ${times} calls for ${userId} fail, at Plaid and at Atomic.`;
    }
  }
}

function plaidOf({ plaidSimulator }: Simulators): NonNullable<Simulators['plaidSimulator']> {
  if (!plaidSimulator) throw new StartError('Plaid is real here: there is nothing to simulate.');
  return plaidSimulator;
}

function atomicOf({ atomicSimulator }: Simulators): NonNullable<Simulators['atomicSimulator']> {
  if (!atomicSimulator) throw new StartError('Atomic is real here: there is nothing to simulate.');
  return atomicSimulator;
}

function both({ plaidSimulator, atomicSimulator }: Simulators) {
  const found = [plaidSimulator, atomicSimulator].filter((one) => one !== undefined);
  if (found.length === 0)
    throw new StartError('Plaid and Atomic are real here: there is nothing to simulate.');
  return found;
}

/** The newest Item of the user that lives. */
function itemOf(simulators: Simulators, userId: string): string {
  const item = plaidOf(simulators)
    .items(userId)
    .findLast(({ life }) => life === 'live');
  if (!item) throw new StartError(`Plaid has no Item of ${userId}.`);
  return item.itemId;
}
