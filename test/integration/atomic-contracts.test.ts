import { randomUUID } from 'node:crypto';
import { JOBS, type Job } from '../../src/contract/jobs';
import { atomicOf } from '../../src/process/wiring';
import { readApiSettings, readWorkerSettings } from '../../src/settings/read-settings';
import { startAtomicSimulator } from '../../src/simulators';
import type { AtomicSimulatorContract, IdentifierPlace } from '../../src/simulators/atomic/contract';
import { parseAtomicWebhook } from '../../src/webhooks/atomic-event';

/** A customer's Atomic: how it behaves, and the settings that fit the service to it. */
interface Case {
  name: string;
  contract: Partial<AtomicSimulatorContract>;
  settings: Readonly<Record<string, string>>;
}

const PLACES: readonly IdentifierPlace[] = ['body', 'query', 'path', 'public_token'];
const EMPLOYER: Job = 'employer-classification';
const RECURRING: Job = 'recurrence-detection';

/** Every way to name the user in both calls, with every shape of a list and every place of a failure. */
const CASES: readonly Case[] = PLACES.flatMap((deleteIdentifierIn) =>
  PLACES.flatMap((resultIdentifierIn) =>
    [true, false].flatMap((resultsWrapped) =>
      [true, false].map((isNamed, index): Case => {
        const inPath = resultIdentifierIn === 'path' ? '/{identifier}' : '';
        const isRenamed = isNamed !== resultsWrapped;
        const resultPaths = {
          [EMPLOYER]: `/v${index}/matches${inPath}`,
          [RECURRING]: `/pay-link/financial-transactions/recurring${inPath}`,
        };
        const renamed = {
          tokenField: 'processor_token',
          userField: 'userIdentifier',
          eventTypes: { [EMPLOYER]: 'employer-classified', [RECURRING]: 'recurrence-detected' },
        };
        return {
          name:
            `DELETE by ${deleteIdentifierIn}, results by ${resultIdentifierIn}, ` +
            `${resultsWrapped ? 'in data' : 'bare'}, ${isNamed ? 'in a named object' : 'a list alone'}`,
          contract: {
            deleteIdentifierIn,
            resultIdentifierIn,
            resultsWrapped,
            resultPaths,
            listNames: isNamed ? { [EMPLOYER]: 'employerMatches', [RECURRING]: 'transactions' } : {},
            failureIn: index === 0 ? 'result' : 'event',
            ...(isRenamed && renamed),
          },
          settings: {
            ATOMIC_DELETE_BY: deleteIdentifierIn,
            ATOMIC_RESULTS_BY: resultIdentifierIn,
            ATOMIC_EMPLOYER_MATCHES_PATH: resultPaths[EMPLOYER],
            ATOMIC_RECURRING_TRANSACTIONS_PATH: resultPaths[RECURRING],
            ...(isRenamed && {
              ATOMIC_TOKEN_FIELD: renamed.tokenField,
              ATOMIC_USER_FIELD: renamed.userField,
              ATOMIC_EMPLOYER_EVENTS: `employer-classification-completed,${renamed.eventTypes[EMPLOYER]}`,
              ATOMIC_RECURRING_EVENTS: renamed.eventTypes[RECURRING],
            }),
          },
        };
      }),
    ),
  ),
);

const ENV = {
  PLAID_CLIENT_ID: 'client',
  PLAID_SECRET: 'plaid-secret',
  ATOMIC_API_KEY: 'atomic-key',
  ATOMIC_API_SECRET: 'atomic-secret',
  API_KEYS: 'backend:0123456789',
};

test('there are at least 48 contracts, all different', () => {
  expect(new Set(CASES.map(({ name }) => name)).size).toBeGreaterThanOrEqual(48);
});

test.each(CASES)(
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
    const atomic = atomicOf(readWorkerSettings(env).atomic);
    const { atomicEvents } = readApiSettings(env);
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
