import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Schedule } from './schedule';

export interface WebhookMessage {
  url: string;
  headers: Record<string, string>;
  rawBody: string;
}

/** The receiver's status, or why there was none (a Node error code, `TIMEOUT`, `CLOSED`). */
export type WebhookAnswer = { status: number } | { error: string };

export interface DeliveryPlan {
  /** Called for each attempt, so that a sender can sign again. */
  message(): WebhookMessage;
  succeeded(status: number): boolean;
  /** One delay for each retry. */
  retryDelaysMs: readonly number[];
  timeoutMs: number;
  /** Called after each attempt; `attempt` counts from 1. */
  onAttempt(attempt: number, answer: WebhookAnswer): void;
}

/** Posts webhooks and tries again as the plan says. Follows no redirect. */
export class WebhookDelivery {
  readonly #schedule: Schedule;
  readonly #agents = {
    'http:': new HttpAgent({ keepAlive: true, maxSockets: 64 }),
    'https:': new HttpsAgent({ keepAlive: true, maxSockets: 64 }),
  };

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** Resolves with the answer to the first attempt; the retries go on by themselves. */
  async deliver(plan: DeliveryPlan): Promise<WebhookAnswer> {
    const answer = await this.#attempt(plan, 1);
    void this.#retry(plan, answer);
    return answer;
  }

  /** Breaks off every delivery under way. */
  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  async #retry(plan: DeliveryPlan, first: WebhookAnswer): Promise<void> {
    let answer = first;
    for (const [index, delayMs] of plan.retryDelaysMs.entries()) {
      if ('status' in answer && plan.succeeded(answer.status)) return;
      if (!(await this.#schedule.wait(delayMs))) return;
      answer = await this.#attempt(plan, index + 2);
    }
  }

  async #attempt(plan: DeliveryPlan, attempt: number): Promise<WebhookAnswer> {
    const answer = await this.#post(plan.message(), plan.timeoutMs);
    if (this.#schedule.stopped) return { error: 'CLOSED' };
    plan.onAttempt(attempt, answer);
    return answer;
  }

  async #post(message: WebhookMessage, timeoutMs: number): Promise<WebhookAnswer> {
    const answer = await this.#postOnce(message, timeoutMs);
    // The receiver may close an idle connection at the moment it is used again: that is no answer of its own.
    return 'stale' in answer ? this.#post(message, timeoutMs) : answer;
  }

  #postOnce(message: WebhookMessage, timeoutMs: number): Promise<WebhookAnswer | { stale: true }> {
    if (this.#schedule.stopped) return Promise.resolve({ error: 'CLOSED' });
    const url = new URL(message.url);
    const secure = url.protocol === 'https:';
    const body = Buffer.from(message.rawBody);
    return new Promise((resolve) => {
      const onResponse = (response: IncomingMessage) => {
        response.resume();
        response.once('close', () => resolve({ status: response.statusCode ?? 0 }));
      };
      const requestOptions = {
        method: 'POST',
        headers: { ...message.headers, 'content-length': body.length },
        timeout: timeoutMs,
      };
      const request = secure
        ? httpsRequest(url, { ...requestOptions, agent: this.#agents['https:'] }, onResponse)
        : httpRequest(url, { ...requestOptions, agent: this.#agents['http:'] }, onResponse);
      request.once('timeout', () => request.destroy(new Error('TIMEOUT')));
      request.once('error', (error: NodeJS.ErrnoException) => {
        const code = error.code ?? error.message;
        if (request.reusedSocket && code === 'ECONNRESET' && !this.#schedule.stopped) {
          resolve({ stale: true });
        } else {
          resolve({ error: code });
        }
      });
      request.end(body);
    });
  }
}
