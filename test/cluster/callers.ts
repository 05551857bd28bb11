import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { failures } from '../faults/support/done-again';
import type { ApiAnswer } from '../support/service-api';
import type { Cluster } from './cluster';

export const JOB = 'employer-classification';
const pageSchema = z.object({ nextPageToken: z.string().optional() });
const POLL_SECONDS = 10;
const CALL_DEADLINE_MS = 30_000;
/** Of one call, repeated while it is turned away. */
const GIVE_UP_AFTER_MS = 300_000;
const REPEAT_AFTER_MS = 500;
/** Of a link: far more than faults take from it. */
const LOST_AFTER_MS = 600_000;

/** Backends that start links and read their results, repeating what the API turns away or does not answer, as they are told to. */
export class Callers {
  /** Everybody whose link was started, in order. */
  readonly users: string[] = [];
  /** Those of them who had to go through Link again. */
  readonly relinked = new Set<string>();
  /** From the first call to the result, of each link. */
  readonly latenciesMs: number[] = [];
  repeated = 0;
  readonly #runs = new Map<string, number>();
  readonly #cluster: Cluster;
  readonly #prefix = randomUUID().slice(0, 8);

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    cluster.service.atomic.setResultBy(JOB, undefined, ({ userId }) => [{ employerOf: userId }]);
  }

  newUser(): string {
    const userId = `${this.#prefix}-${this.users.length + 1}`;
    this.users.push(userId);
    return userId;
  }

  /**
   * Starts a link and reads its result. Throws when the link fails, is lost or has somebody else's result. A public token is good
   * for one exchange: where Temporal could not take its answer, the link says `relink_required`, and the next user has a turn.
   */
  async link(): Promise<string> {
    for (;;) {
      const startedAt = performance.now();
      const userId = this.newUser();
      await this.start(userId);
      if (await this.#hasResult(userId)) {
        this.latenciesMs.push(performance.now() - startedAt);
        return userId;
      }
      await this.#lostExchange(userId);
      this.relinked.add(userId);
    }
  }

  /** Throws where the history does not show that an answer of Plaid's was lost. */
  async #lostExchange(userId: string): Promise<void> {
    const exchanges = this.#cluster.service.plaid.ledger.requests('/item/public_token/exchange', userId);
    const lost = await failures(this.#cluster, userId, 'exchangePublicToken');
    if (exchanges.length < 2 || lost < 2) {
      throw new Error(
        `${userId} is to link again, after ${exchanges.length} exchanges and ${lost} failed attempts.`,
      );
    }
  }

  async start(userId: string): Promise<void> {
    const { service, apiUrl } = this.#cluster;
    const webhook = `${apiUrl}/webhooks/plaid/${userId}`;
    const { publicToken } = service.plaid.createPublicToken({ userId, webhook });
    const request = { userId, publicToken, jobs: [JOB] as const };
    await this.#served([200, 202], () => service.call.start(request, { deadlineMs: CALL_DEADLINE_MS }));
  }

  async result(userId: string): Promise<void> {
    if (!(await this.#hasResult(userId))) throw new Error(`${userId} is to link again.`);
  }

  /** False where the user is to go through Link again. */
  async #hasResult(userId: string): Promise<boolean> {
    const { call } = this.#cluster.service;
    for (const endMs = Date.now() + LOST_AFTER_MS; ; ) {
      const answer = await this.#served([200], () =>
        call.job(userId, JOB, POLL_SECONDS, { deadlineMs: CALL_DEADLINE_MS }),
      );
      const { state, result, error } = answer.job();
      if (error?.code === 'relink_required') return false;
      if (state === 'completed') {
        if (JSON.stringify(result) === JSON.stringify([{ employerOf: userId }])) return true;
        throw new Error(`${userId} was given ${JSON.stringify(result)}`);
      }
      if (state === 'failed' || Date.now() > endMs) throw new Error(`${userId} is lost: ${answer.text}`);
    }
  }

  /** How often the link's job was asked for. */
  runsOf(userId: string): number {
    return this.#runs.get(userId) ?? 1;
  }

  async runAgain(userId: string): Promise<void> {
    this.#runs.set(userId, this.runsOf(userId) + 1);
    const { call } = this.#cluster.service;
    await this.#served([202], () => call.runJob(userId, JOB, { deadlineMs: CALL_DEADLINE_MS }));
    await this.result(userId);
  }

  async unlink(userId: string): Promise<void> {
    const { call, leftovers } = this.#cluster.service;
    for (const endMs = Date.now() + LOST_AFTER_MS; ; ) {
      const answer = await this.#served([200, 202], () =>
        call.unlink(userId, POLL_SECONDS, { deadlineMs: CALL_DEADLINE_MS }),
      );
      if (answer.link().state === 'unlinked') break;
      if (Date.now() > endMs) throw new Error(`${userId} is not unlinked: ${answer.text}`);
    }
    const left = leftovers(userId);
    if (left.length > 0) throw new Error(`${userId} left behind ${JSON.stringify(left)}`);
  }

  /** The users of all links that a list finds, page by page. */
  async listed(query: string): Promise<string[]> {
    const users: string[] = [];
    let pageToken: string | undefined;
    do {
      const more = pageToken === undefined ? '' : `&pageToken=${encodeURIComponent(pageToken)}`;
      const answer = await this.#served([200], () =>
        this.#cluster.service.call.call('GET', `/v1/links?${query}&pageSize=200${more}`, {
          deadlineMs: CALL_DEADLINE_MS,
        }),
      );
      users.push(...answer.links().map(({ userId }) => userId));
      pageToken = pageSchema.parse(JSON.parse(answer.text)).nextPageToken;
    } while (pageToken !== undefined);
    return users;
  }

  async #served(statuses: readonly number[], make: () => Promise<ApiAnswer>): Promise<ApiAnswer> {
    for (const endMs = Date.now() + GIVE_UP_AFTER_MS; ; ) {
      const answer = await make().catch((error: unknown) => {
        // No answer: the API that had the call has ended, or its node of Temporal has.
        if (Date.now() > endMs) throw error;
        return undefined;
      });
      if (answer !== undefined && statuses.includes(answer.status)) return answer;
      if (answer !== undefined && (![429, 503].includes(answer.status) || Date.now() > endMs)) {
        throw new Error(`${answer.request} was answered ${answer.status} ${answer.text}`);
      }
      this.repeated += 1;
      await sleep(REPEAT_AFTER_MS);
    }
  }
}
