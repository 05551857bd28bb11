import { randomUUID } from 'node:crypto';
import { JOBS, type Job } from '../../src/contract/jobs';
import { atomicOf } from '../../src/process/wiring';
import { apiSchema, workerSchema } from '../../src/settings/schemas';
import { startAtomicSimulator } from '../../src/simulators';
import { parseAtomicWebhook } from '../../src/webhooks/atomic-event';
import { EMPLOYER, RECURRING } from '../support/link-calls';
import { CONTRACTS, ENV } from './atomic-contracts';

test('there are at least 48 contracts, all different', () => {
  expect(new Set(CONTRACTS.map(({ name }) => name)).size).toBeGreaterThanOrEqual(48);
});

test.each(CONTRACTS)(
  'by settings alone it links, polls, fetches and unlinks: $name',
  async ({ contract, settings }) => {
    const simulator = await startAtomicSimulator({
      apiKey: ENV.ATOMIC_API_KEY,
      apiSecret: ENV.ATOMIC_API_SECRET,
      webhookMode: 'hold',
      contract,
      settings: { jobDelayMs: 'manual', beforeResult: 'empty', keepResultsAfterRemoval: true },
    });
    const env = { ...ENV, ...settings, ATOMIC_BASE_URL: simulator.url };
    const atomic = atomicOf(workerSchema.read(env).atomic);
    const { atomicEvents } = apiSchema.read(env);
    const userId = `user:${randomUUID()}`;
    const held = (job: Job) => {
      const webhook = simulator.webhooks.held.find((one) => one.userId === userId && one.job === job);
      if (!webhook) throw new Error(`no webhook of ${job}`);
      return parseAtomicWebhook(Buffer.from(webhook.rawBody), webhook.headers['ce-type'], atomicEvents);
    };
    try {
      for (const job of JOBS) {
        await atomic.registerProcessorLink({
          userId,
          processorToken: `processor-sandbox-${randomUUID()}`,
          job,
        });
      }
      expect(simulator.links(userId).map(({ job }) => job)).toEqual(JOBS);
      // Nothing has been looked at yet, and that is what it says.
      for (const beforeResult of ['404', 'empty', '202', 'processing'] as const) {
        simulator.settings.beforeResult = beforeResult;
        const answer = await atomic.fetchJobResult({ userId, job: EMPLOYER });
        expect(answer).toMatchObject(
          beforeResult === 'empty' ? { kind: 'found', empty: true } : { kind: 'none' },
        );
      }

      await simulator.completeJob(userId, EMPLOYER);
      expect(held(EMPLOYER)).toMatchObject({ event: { kind: 'job_finished', userId, job: EMPLOYER } });
      const result = await atomic.fetchJobResult({ userId, job: EMPLOYER });
      expect(result).toMatchObject({ kind: 'found', empty: false });
      expect(JSON.stringify(result)).toContain('Bluebird Logistics');

      simulator.settings.jobsFail = true;
      await simulator.completeJob(userId, RECURRING);
      const event = held(RECURRING);
      const failed = await atomic.fetchJobResult({ userId, job: RECURRING });
      if (contract.failureIn === 'event') expect(event).toMatchObject({ event: { failed: true } });
      else expect(failed).toEqual({ kind: 'failed' });

      await atomic.removeProcessorLink({ userId });
      expect(simulator.nothingLeft(userId)).toBe(true);
      // And once more: nothing is stored, which is as good.
      await atomic.removeProcessorLink({ userId });
      const misunderstood = simulator.ledger
        .requests()
        .filter(({ status }) => status === 400 || status === 422);
      expect(misunderstood).toEqual([]);
    } finally {
      await simulator.close();
    }
  },
);
