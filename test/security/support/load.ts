import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '../../support/service';
import { type ApiAnswer, ServiceApi } from '../../support/service-api';

const JOB = 'employer-classification';
/** Short polls, so that an instance of the API has soon answered all that it was asked. */
const POLL_SECONDS = 2;
/** Longer than Temporal takes to give the tasks of a worker that has ended to another one: 10 s each, and two can be lost in turn. */
const SERVED_WITHIN_MS = 60_000;

/** Users who are linked, ask for their result, run the job again and are unlinked, over and over, several at once. */
export class Load {
  readonly #service: Service;
  readonly #key: { value: string };
  readonly #running: Promise<void>[];
  #target: ServiceApi;
  #inFlight = new Map<ServiceApi, number>();
  #stopped = false;
  #begun = 0;
  /** Every answer that nobody expects, and every call without one. */
  readonly refused: string[] = [];
  readonly users: string[] = [];
  /** Calls that were made again, as their answer asked for. */
  repeated = 0;
  /** Users who have been through all of it. */
  done = 0;

  constructor(service: Service, options: { users: number }) {
    this.#service = service;
    this.#target = service.call;
    this.#key = { value: service.call.key };
    this.#running = Array.from({ length: options.users }, () => this.#goOn());
  }

  /** Calls from now on come with this key. */
  useKey(key: string): void {
    this.#key.value = key;
  }

  /** Calls from now on go to this instance; resolves once the one before has answered all of its own. */
  async moveTo(url: string): Promise<void> {
    const before = this.#target;
    this.#target = new ServiceApi(url, this.#key.value);
    while ((this.#inFlight.get(before) ?? 0) > 0) await sleep(20);
  }

  /** Resolves once every call that is under way now has been answered. */
  async settle(): Promise<void> {
    await this.moveTo(this.#target.url);
  }

  /** Resolves once so many users, who begin after this call, have been through all of it. */
  async cycles(count: number): Promise<void> {
    const [begun, done] = [this.#begun, this.done];
    const underWay = begun - done;
    while (this.done < done + underWay + count) {
      if (this.refused.length > 0) throw new Error(this.refused.join('\n'));
      await sleep(20);
    }
  }

  /** Ends once those under way have been through it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #goOn(): Promise<void> {
    while (!this.#stopped) {
      this.#begun += 1;
      try {
        await this.#user();
      } catch (error) {
        this.refused.push(String(error));
        return;
      }
      this.done += 1;
    }
  }

  async #user(): Promise<void> {
    const userId = this.#service.newUser();
    this.users.push(userId);
    const { publicToken } = this.#service.plaid.createPublicToken({ userId });
    const started = await this.#call((api) => api.start({ userId, publicToken, jobs: [JOB] }));
    // 200 where it was repeated: behind the 503 it had begun.
    if (started.status !== 202 && started.status !== 200) this.#refuse(started);
    await this.#completed(userId);
    await this.#expect(200, (api) => api.get(userId));
    await this.#expect(202, (api) => api.runJob(userId, JOB));
    await this.#completed(userId);
    let state = '';
    while (state !== 'unlinked') {
      const answer = await this.#call((api) => api.unlink(userId, POLL_SECONDS));
      if (answer.status !== 200 && answer.status !== 202) this.#refuse(answer);
      state = answer.link().state;
    }
  }

  async #completed(userId: string): Promise<void> {
    let state = '';
    while (state !== 'completed') {
      const answer = await this.#expect(200, (api) => api.job(userId, JOB, POLL_SECONDS));
      state = answer.job().state;
      if (state === 'failed') this.#refuse(answer);
    }
  }

  async #expect(status: number, make: (api: ServiceApi) => Promise<ApiAnswer>): Promise<ApiAnswer> {
    const answer = await this.#call(make);
    if (answer.status !== status) this.#refuse(answer);
    return answer;
  }

  #refuse({ request, status, text }: ApiAnswer): never {
    throw new Error(`${request} was answered ${status} ${text} at ${new Date().toISOString()}`);
  }

  /** Repeats what was answered 503 with Retry-After, as the API's document asks for: a worker that ends takes work with it. */
  async #call(make: (api: ServiceApi) => Promise<ApiAnswer>): Promise<ApiAnswer> {
    const endMs = Date.now() + SERVED_WITHIN_MS;
    for (;;) {
      const answer = await this.#attempt(make);
      const retryAfter =
        answer.status === 503 ? Number(answer.headers.get('retry-after') ?? Number.NaN) : Number.NaN;
      if (Number.isNaN(retryAfter) || Date.now() > endMs) return answer;
      this.repeated += 1;
      await sleep(retryAfter * 1_000);
    }
  }

  async #attempt(make: (api: ServiceApi) => Promise<ApiAnswer>): Promise<ApiAnswer> {
    const api = this.#target;
    api.key = this.#key.value;
    this.#inFlight.set(api, (this.#inFlight.get(api) ?? 0) + 1);
    try {
      return await make(api);
    } finally {
      this.#inFlight.set(api, (this.#inFlight.get(api) ?? 0) - 1);
    }
  }
}
