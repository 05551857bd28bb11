import type { Job } from '../../contract/jobs';
import { fingerprint, type IdGenerator } from '../server/ids';
import type { Ledger } from '../server/ledger';
import type { Schedule } from '../server/schedule';
import type { AtomicSimulatorSettings } from './contract';
import type { ResultContext } from './results';
import type { AtomicEffect } from './webhooks';

interface Registration {
  readonly linkId: string;
  readonly userId: string;
  readonly job: Job;
  processorToken: string;
  run: number;
  /** `abandoned`: the token was dead when the job wanted to read the transactions. No event reports it. */
  state: 'running' | 'finished' | 'abandoned';
  cancel: () => void;
}

interface Result {
  context: ResultContext;
  readableAtMs: number;
}

/** A stored registration as tests see it; `token` is a fingerprint. */
export interface LinkAtAtomic {
  linkId: string;
  userId: string;
  job: Job;
  token: string;
  run: number;
  state: Registration['state'];
}

/** Everything that outlives a restart, as JSON can hold it. It has tokens in it. */
export interface AtomicState {
  atomicIds: [string, string][];
  registrations: Omit<Registration, 'cancel'>[];
  results: ResultContext[];
  runs: [string, number][];
}

export interface AtomicLinksOptions {
  ids: IdGenerator;
  ledger: Ledger<AtomicEffect>;
  schedule: Schedule;
  now: () => number;
  settings: AtomicSimulatorSettings;
  isProcessorTokenLive: (token: string) => boolean | Promise<boolean>;
  onFinished(userId: string, job: Job, failed: boolean): void;
}

/** Users, registrations and finished jobs, as Atomic keeps them. */
export class AtomicLinks {
  readonly #options: AtomicLinksOptions;
  readonly #atomicIds = new Map<string, string>();
  readonly #registrations = new Map<string, Map<Job, Registration>>();
  readonly #results = new Map<string, Map<Job, Result>>();
  readonly #runs = new Map<string, number>();
  readonly #publicTokens = new Map<string, string>();

  constructor(options: AtomicLinksOptions, state?: AtomicState) {
    this.#options = options;
    for (const [userId, id] of state?.atomicIds ?? []) this.#atomicIds.set(userId, id);
    for (const [key, run] of state?.runs ?? []) this.#runs.set(key, run);
    for (const context of state?.results ?? []) this.#keepResult(context, 0);
    for (const kept of state?.registrations ?? []) {
      const registration: Registration = { ...kept, cancel: () => {} };
      this.#registrationsOf(kept.userId).set(kept.job, registration);
      if (kept.state === 'running') this.#schedule(registration);
    }
  }

  dump(): AtomicState {
    return {
      atomicIds: [...this.#atomicIds],
      registrations: [...this.#registrations.values()].flatMap((ofUser) =>
        [...ofUser.values()].map(({ cancel: _, ...kept }) => kept),
      ),
      results: [...this.#results.values()].flatMap((ofUser) =>
        [...ofUser.values()].map(({ context }) => context),
      ),
      runs: [...this.#runs],
    };
  }

  #registrationsOf(userId: string): Map<Job, Registration> {
    const ofUser = this.#registrations.get(userId) ?? new Map<Job, Registration>();
    this.#registrations.set(userId, ofUser);
    return ofUser;
  }

  #keepResult(context: ResultContext, readableAtMs: number): void {
    const ofUser = this.#results.get(context.userId) ?? new Map<Job, Result>();
    this.#results.set(context.userId, ofUser);
    ofUser.set(context.job, { context, readableAtMs });
  }

  hasUser(userId: string): boolean {
    return this.#atomicIds.has(userId);
  }

  /** Makes the user where there is none. */
  createUser(userId: string): void {
    if (this.hasUser(userId)) return;
    this.#atomicIds.set(userId, this.#options.ids.objectId());
    this.#options.ledger.effect('user_created', userId);
  }

  /** A token that names the user, for client calls. */
  createPublicToken(userId: string): string {
    this.createUser(userId);
    const token = this.#options.ids.uuid();
    this.#publicTokens.set(token, userId);
    return token;
  }

  userOfPublicToken(token: string): string | undefined {
    return this.#publicTokens.get(token);
  }

  /** Atomic's own id of the user; one is made up for a user that it does not know. */
  atomicIdOf(userId: string): string {
    return this.#atomicIds.get(userId) ?? this.#options.ids.objectId();
  }

  linkIdOf(userId: string, job: Job): string {
    return this.#registrations.get(userId)?.get(job)?.linkId ?? this.#options.ids.objectId();
  }

  /**
   * Stores the token and runs the job. The same user and job again is the same link: it takes the new token,
   * joins a run under way, or else runs once more.
   */
  register(userId: string, job: Job, processorToken: string): LinkAtAtomic {
    const { ids, ledger } = this.#options;
    this.createUser(userId);
    const ofUser = this.#registrationsOf(userId);
    const before = ofUser.get(job);
    const joined = before?.state === 'running';
    const registration: Registration = before ?? {
      linkId: ids.objectId(),
      userId,
      job,
      processorToken,
      run: 0,
      state: 'running',
      cancel: () => {},
    };
    ofUser.set(job, registration);
    registration.processorToken = processorToken;
    if (!joined) this.#start(registration);
    const view = viewOf(registration);
    const { linkId, token, run } = view;
    ledger.effect('registration_stored', userId, { job, linkId, token, run, joined });
    return view;
  }

  #start(registration: Registration): void {
    const { userId, job } = registration;
    const runKey = `${job} ${userId}`;
    registration.run = (this.#runs.get(runKey) ?? 0) + 1;
    this.#runs.set(runKey, registration.run);
    registration.state = 'running';
    this.#schedule(registration);
  }

  #schedule(registration: Registration): void {
    const { schedule, settings } = this.#options;
    const { jobDelayMs } = settings;
    if (jobDelayMs === 'manual') return;
    registration.cancel = schedule.after(jobDelayMs, () => void this.#finish(registration));
  }

  /** Ends a running job now. Throws when none runs. */
  async complete(userId: string, job: Job): Promise<void> {
    const registration = this.#registrations.get(userId)?.get(job);
    if (registration?.state !== 'running') throw new Error(`${job} does not run for ${userId}`);
    registration.cancel();
    await this.#finish(registration);
  }

  async #finish(registration: Registration): Promise<void> {
    const { ledger, now, settings, isProcessorTokenLive, onFinished } = this.#options;
    const { userId, job, run } = registration;
    const live = await isProcessorTokenLive(registration.processorToken);
    const removedMeanwhile = this.#registrations.get(userId)?.get(job) !== registration;
    if (removedMeanwhile || registration.state !== 'running') return;
    if (!live) {
      registration.state = 'abandoned';
      ledger.effect('job_abandoned', userId, { job, run });
      return;
    }
    registration.state = 'finished';
    const completedAtMs = now();
    const failed = settings.jobsFail;
    this.#keepResult({ userId, job, run, completedAtMs, failed }, completedAtMs + settings.resultLagMs);
    ledger.effect('job_finished', userId, { job, run });
    onFinished(userId, job, failed);
  }

  /** The newest run whose result can be read. */
  finishedRun(userId: string, job: Job): ResultContext | undefined {
    const result = this.#results.get(userId)?.get(job);
    return result && result.readableAtMs <= this.#options.now() ? result.context : undefined;
  }

  /** Removes all that is stored of the user and stops what runs; false when there was nothing. */
  remove(userId: string): boolean {
    const ofUser = this.#registrations.get(userId);
    if (!ofUser) return false;
    for (const registration of ofUser.values()) registration.cancel();
    this.#registrations.delete(userId);
    if (!this.#options.settings.keepResultsAfterRemoval) this.#results.delete(userId);
    this.#options.ledger.effect('registration_removed', userId, { jobs: [...ofUser.keys()].join(',') });
    return true;
  }

  stored(userId?: string): LinkAtAtomic[] {
    return [...this.#registrations.values()]
      .flatMap((ofUser) => [...ofUser.values()])
      .filter((registration) => userId === undefined || registration.userId === userId)
      .map(viewOf);
  }
}

function viewOf({ linkId, userId, job, processorToken, run, state }: Registration): LinkAtAtomic {
  return { linkId, userId, job, token: fingerprint(processorToken), run, state };
}
