import { z } from 'zod';
import { JOBS, type Job } from '../../contract/jobs';
import { command, registerControlRoutes } from '../server/control-routes';
import type { Faults } from '../server/faults';
import { createIds } from '../server/ids';
import { Ledger } from '../server/ledger';
import { createSimulatorServer } from '../server/simulator-server';
import { WebhookDelivery } from '../server/webhook-delivery';
import {
  ASSUMED_ATOMIC_CONTRACT,
  type AtomicSimulatorContract,
  type AtomicSimulatorSettings,
  atomicSettingsSchema,
  DEFAULT_ATOMIC_SETTINGS,
} from './contract';
import { registerAtomicEndpoints, unknownAtomicRoute } from './endpoints';
import { AtomicLinks, type AtomicState, type LinkAtAtomic } from './links';
import { type ResultMaker, ResultOverrides } from './results';
import { type AtomicEffect, AtomicWebhooks, type WebhookMode } from './webhooks';

export interface AtomicSimulatorOptions {
  apiKey: string;
  apiSecret: string;
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free one. */
  port?: number;
  /** Makes every id the same in each run. */
  seed?: string;
  /** Milliseconds since 1970; default `Date.now`. */
  now?: () => number;
  /** Where webhooks go; may be set later as `webhooks.url`. */
  webhookUrl?: string;
  /** Default: the API secret. */
  webhookSecret?: string;
  /** Default `send`. */
  webhookMode?: WebhookMode;
  /** Default: three retries, 30 s apart. */
  webhookRetryDelaysMs?: readonly number[];
  /** Default 5,000. */
  webhookTimeoutMs?: number;
  /** Whether Plaid knows the token. Default: any token of Plaid's shape is good. */
  isProcessorTokenLive?: (token: string) => boolean | Promise<boolean>;
  /** What an earlier one left: its `dump()`. */
  state?: AtomicState;
  contract?: Partial<AtomicSimulatorContract>;
  settings?: Partial<AtomicSimulatorSettings>;
}

export interface AtomicSimulator {
  readonly url: string;
  readonly ledger: Ledger<AtomicEffect>;
  readonly faults: Faults;
  /** May be changed at any time. */
  readonly settings: AtomicSimulatorSettings;
  readonly webhooks: AtomicWebhooks;
  /** Stored registrations, of a user or all. */
  links(userId?: string): LinkAtAtomic[];
  /**
   * The content of `data` that a finished job answers from now on, for a user or for all. A value that stays the
   * same over two runs looks like the earlier run's result to whoever polls: see `setResultBy`.
   */
  setResult(job: Job, userId: string | undefined, value: unknown): void;
  /** As `setResult`, made again for each run. */
  setResultBy(job: Job, userId: string | undefined, make: ResultMaker): void;
  /** As `setResult`, by JSON text that is answered as it stands. */
  setResultText(job: Job, userId: string | undefined, text: string): void;
  /** A result whose whole body has exactly so many bytes (at least 100). */
  setResultBytes(job: Job, userId: string | undefined, bytes: number): void;
  /** Back to the built-in result. */
  clearResult(job: Job, userId?: string): void;
  /** Ends a running job now, webhook and all. */
  completeJob(userId: string, job: Job): Promise<void>;
  /** Users, registrations and results, for one that is to go on with them; faults and results set by hand are not in it. */
  dump(): AtomicState;
  leftovers(userId?: string): { registrations: LinkAtAtomic[] };
  /** No registration is stored, for a user or for anybody. */
  nothingLeft(userId?: string): boolean;
  close(): Promise<void>;
}

const DOCUMENTED_RETRY_DELAYS_MS = [30_000, 30_000, 30_000] as const;

/** Starts Atomic on a local port. */
export async function startAtomicSimulator(options: AtomicSimulatorOptions): Promise<AtomicSimulator> {
  const { apiKey, apiSecret, now = Date.now } = options;
  const isProcessorTokenLive =
    options.isProcessorTokenLive ??
    ((token: string) => /^processor-(sandbox|production)-[A-Za-z0-9-]+$/.test(token));
  const contract = { ...ASSUMED_ATOMIC_CONTRACT, ...options.contract };
  const settings: AtomicSimulatorSettings = { ...DEFAULT_ATOMIC_SETTINGS, ...options.settings };
  const ids = createIds(options.seed);
  const ledger = new Ledger<AtomicEffect>({ now });
  const server = createSimulatorServer({
    ledger,
    unknownRoute: unknownAtomicRoute,
    refusalBody: (status) => ({ code: status * 100, message: 'As the fault says.' }),
  });
  const { faults, schedule } = server;
  const results = new ResultOverrides();
  const links = new AtomicLinks(
    {
      ids,
      ledger,
      schedule,
      now,
      settings,
      isProcessorTokenLive,
      onFinished: (userId, job, failed) => {
        const tells = failed && contract.failureIn === 'event';
        void webhooks.announce(userId, job, tells ? { status: 'failed' } : undefined);
      },
    },
    options.state,
  );
  const delivery = new WebhookDelivery(schedule);
  const webhooks = new AtomicWebhooks({
    ids,
    ledger,
    delivery,
    now,
    atomicIdOf: (userId) => links.atomicIdOf(userId),
    linkIdOf: (userId, job) => links.linkIdOf(userId, job),
    eventTypes: contract.eventTypes,
    url: options.webhookUrl,
    secret: options.webhookSecret ?? apiSecret,
    mode: options.webhookMode ?? 'send',
    retryDelaysMs: options.webhookRetryDelaysMs ?? DOCUMENTED_RETRY_DELAYS_MS,
    timeoutMs: options.webhookTimeoutMs ?? 5_000,
  });
  registerAtomicEndpoints(server, {
    apiKey,
    apiSecret,
    contract,
    settings,
    links,
    results,
    ids,
    isProcessorTokenLive,
  });

  const simulator = {
    ledger,
    faults,
    settings,
    webhooks,
    links: (userId?: string) => links.stored(userId),
    setResult: (job: Job, userId: string | undefined, value: unknown) =>
      results.set(job, userId, () => value),
    setResultBy: (job: Job, userId: string | undefined, make: ResultMaker) => results.set(job, userId, make),
    setResultText: (job: Job, userId: string | undefined, text: string) => results.setText(job, userId, text),
    setResultBytes: (job: Job, userId: string | undefined, bytes: number) =>
      results.setBytes(job, userId, bytes),
    clearResult: (job: Job, userId?: string) => results.clear(job, userId),
    completeJob: (userId: string, job: Job) => links.complete(userId, job),
    dump: () => links.dump(),
    leftovers: (userId?: string) => ({ registrations: links.stored(userId) }),
    nothingLeft: (userId?: string) => links.stored(userId).length === 0,
    async close() {
      const closing = server.close();
      delivery.close();
      await closing;
    },
  };
  registerControlRoutes(server.app, {
    ledger,
    faults,
    state: () => ({
      links: links.stored(),
      settings,
      webhooks: { mode: webhooks.mode, held: webhooks.held.length },
    }),
    leftovers: simulator.leftovers,
    commands: atomicCommands(simulator),
  });
  return { ...simulator, url: await server.listen(options) };
}

function atomicCommands(simulator: Omit<AtomicSimulator, 'url'>) {
  const { settings, webhooks } = simulator;
  const job = z.enum(JOBS);
  const userId = z.string();
  const forUser = { job, userId: userId.optional() };
  return {
    configure: command(atomicSettingsSchema.partial(), (changes) => {
      for (const [name, value] of Object.entries(changes)) {
        if (value !== undefined) Object.assign(settings, { [name]: value });
      }
      return settings;
    }),
    configureWebhooks: command(
      z.strictObject({ url: z.url().optional(), mode: z.enum(['send', 'hold', 'none']).optional() }),
      ({ url, mode }) => {
        if (url !== undefined) webhooks.url = url;
        if (mode !== undefined) webhooks.mode = mode;
      },
    ),
    releaseWebhooks: command(z.strictObject({ userId: userId.optional() }), async (input) => ({
      answers: (await webhooks.release(input.userId)).map((sent) => sent.answer),
    })),
    sendWebhook: command(
      z.strictObject({ userId, job, headers: z.record(z.string(), z.string()).default({}) }),
      async (input) => ({ answer: (await webhooks.send(input)).answer }),
    ),
    completeJob: command(z.strictObject({ userId, job }), (input) =>
      simulator.completeJob(input.userId, input.job),
    ),
    setResult: command(z.strictObject({ ...forUser, value: z.unknown() }), (input) =>
      simulator.setResult(input.job, input.userId, input.value),
    ),
    setResultText: command(z.strictObject({ ...forUser, text: z.string() }), (input) =>
      simulator.setResultText(input.job, input.userId, input.text),
    ),
    setResultBytes: command(z.strictObject({ ...forUser, bytes: z.int().min(100) }), (input) =>
      simulator.setResultBytes(input.job, input.userId, input.bytes),
    ),
  };
}
