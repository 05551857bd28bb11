/** Whole lives of links, under every contract that a customer's Atomic may have. */
import { JOBS, type Job } from '../../src/contract/jobs';
import { SIGNALS } from '../../src/contract/names';
import { atomicOf } from '../../src/process/wiring';
import type { Atomic } from '../../src/providers/types';
import { apiSchema, workerSchema } from '../../src/settings/schemas';
import { type AtomicSimulator, startAtomicSimulator } from '../../src/simulators';
import { parseAtomicWebhook } from '../../src/webhooks/atomic-event';
import { EMPLOYER, getLink, outcome, RECURRING, settled } from '../support/link-calls';
import { useWorld } from '../support/world';
import { CONTRACTS, type Contract, ENV } from './atomic-contracts';

interface Customer {
  userId: string;
  simulator: AtomicSimulator;
  atomic: Atomic;
  /** What the API makes of a webhook of the job's. */
  signal(job: Job): { job: Job; bodySha256: string; eventTime?: string; failed?: true };
}

const customers = new Map<string, Customer>();
// One worker for all: whose Atomic is called is a matter of the user.
const world = useWorld({
  settings: { resultOverdueAfterMs: 300 },
  providerTimeoutMs: 15_000,
  atomic: {
    registerProcessorLink: (request, options) =>
      customerOf(request.userId).atomic.registerProcessorLink(request, options),
    removeProcessorLink: (request, options) =>
      customerOf(request.userId).atomic.removeProcessorLink(request, options),
    fetchJobResult: (request, options) => customerOf(request.userId).atomic.fetchJobResult(request, options),
  },
});
beforeAll(async () => {
  for (const [index, contract] of CONTRACTS.entries()) await open(`customer-${index}`, contract);
});
afterAll(() => Promise.all([...customers.values()].map(({ simulator }) => simulator.close())));

async function open(userId: string, { contract, settings }: Contract): Promise<void> {
  const simulator = await startAtomicSimulator({
    apiKey: ENV.ATOMIC_API_KEY,
    apiSecret: ENV.ATOMIC_API_SECRET,
    webhookMode: 'hold',
    contract,
    isProcessorTokenLive: (token) => world.plaid.isProcessorTokenLive(token),
    settings: { jobDelayMs: 'manual', beforeResult: 'empty' },
  });
  const env = { ...ENV, ...settings, ATOMIC_BASE_URL: simulator.url };
  const { atomicEvents } = apiSchema.read(env);
  customers.set(userId, {
    userId,
    simulator,
    atomic: atomicOf(workerSchema.read(env).atomic),
    signal(job) {
      const held = simulator.webhooks.held.find((one) => one.job === job);
      const webhook =
        held && parseAtomicWebhook(Buffer.from(held.rawBody), held.headers['ce-type'], atomicEvents);
      if (!webhook?.ok || webhook.event.kind !== 'job_finished') throw new Error(`no webhook of ${job}`);
      const { kind: _, userId: _user, ...signal } = webhook.event;
      return signal;
    },
  });
}

function customerOf(userId: string): Customer {
  const customer = customers.get(userId);
  if (!customer) throw new Error(`no customer called ${userId}`);
  return customer;
}

it('links, fetches, polls and unlinks under every contract, by settings alone', async () => {
  expect(customers.size).toBeGreaterThanOrEqual(48);
  const lives = await Promise.allSettled([...customers.values()].map(live));
  const failures = lives.flatMap((life, index) =>
    life.status === 'rejected' ? [`${CONTRACTS[index]?.name}: ${life.reason}`] : [],
  );
  expect(failures).toEqual([]);
}, 120_000);

async function live({ userId, simulator, signal }: Customer): Promise<void> {
  const { handle } = await world.start({ userId, jobs: [...JOBS] });
  await simulator.ledger.waitFor(() => simulator.links(userId).length === JOBS.length, { timeoutMs: 60_000 });
  for (const job of JOBS) await simulator.completeJob(userId, job);

  await handle.signal(SIGNALS.atomicWebhook, signal(EMPLOYER));
  const fetched = await settled(handle, EMPLOYER);
  expect(fetched).toMatchObject({ state: 'completed' });
  expect(JSON.stringify(fetched?.result)).toContain('Bluebird Logistics');
  // Its webhook is held for ever.
  const polled = await settled(handle, RECURRING);
  expect(polled).toMatchObject({ state: 'completed' });
  expect(JSON.stringify(polled?.result)).toContain('subscription');
  expect((await getLink(handle)).jobs).toMatchObject({
    [EMPLOYER]: { state: 'completed', via: 'webhook' },
    [RECURRING]: { state: 'completed', via: 'poll' },
  });

  await handle.cancel();
  expect((await outcome(handle)).view).toMatchObject({ state: 'unlinked' });
  expect(simulator.nothingLeft(userId)).toBe(true);
  expect(world.plaid.leftovers(userId).items).toEqual([]);
}
