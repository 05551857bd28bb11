import { createHmac } from 'node:crypto';
import type { Job } from '../../contract/jobs';
import { ATOMIC_CE_TYPE_PREFIX, ATOMIC_SIGNATURE_HEADER } from '../../contract/names';
import type { IdGenerator } from '../server/ids';
import type { Ledger } from '../server/ledger';
import type { WebhookAnswer, WebhookDelivery, WebhookMessage } from '../server/webhook-delivery';

export type AtomicEffect =
  | 'user_created'
  | 'registration_stored'
  | 'registration_removed'
  | 'job_finished'
  | 'job_abandoned'
  | 'webhook_sent'
  | 'webhook_held'
  | 'webhook_dropped';

/** A webhook to make; everything but the user and the job has a usual value. */
export interface WebhookDraft {
  userId: string;
  job: Job;
  /** Default: the event of the job. */
  eventType?: string;
  /** Default: the processor link's id and the job. */
  data?: unknown;
  /** Instead of the usual body. Still signed, unless `headers` has a signature. */
  rawBody?: string;
  /** Added to the usual headers, or in place of them. */
  headers?: Record<string, string>;
  /** Default: `webhooks.secret`. */
  secret?: string;
}

export interface AtomicWebhook {
  userId: string;
  job: Job;
  rawBody: string;
  headers: Record<string, string>;
}

export interface SentAtomicWebhook extends AtomicWebhook {
  /** The receiver's answer to the first attempt. */
  answer: WebhookAnswer;
}

export interface AtomicWebhooksOptions {
  ids: IdGenerator;
  ledger: Ledger<AtomicEffect>;
  delivery: WebhookDelivery;
  now: () => number;
  atomicIdOf(userId: string): string;
  linkIdOf(userId: string, job: Job): string;
  eventTypes: Readonly<Record<Job, string>>;
  url: string | undefined;
  secret: string;
  mode: WebhookMode;
  retryDelaysMs: readonly number[];
  timeoutMs: number;
}

/** `hold` keeps webhooks until `release`; `none` never sends any. */
export type WebhookMode = 'send' | 'hold' | 'none';

const KEPT_WEBHOOKS = 1_000;

/** Atomic's webhooks: CloudEvents in binary mode, the raw body signed, the same bytes again at each retry. */
export class AtomicWebhooks {
  readonly #options: AtomicWebhooksOptions;
  #held: AtomicWebhook[] = [];
  /** The newest 1,000 that were answered. */
  readonly sent: SentAtomicWebhook[] = [];
  /** Where they go. Without it none is sent. */
  url: string | undefined;
  /** Signs the ones made from now on. */
  secret: string;
  mode: WebhookMode;

  constructor(options: AtomicWebhooksOptions) {
    this.#options = options;
    this.url = options.url;
    this.secret = options.secret;
    this.mode = options.mode;
  }

  get held(): readonly AtomicWebhook[] {
    return this.#held;
  }

  /** A job's own webhook, as `mode` has it. */
  async announce(userId: string, job: Job, data?: object): Promise<void> {
    const { ledger } = this.#options;
    const webhook = this.#make({ userId, job, ...(data && { data }) });
    if (this.mode === 'hold') {
      this.#held.push(webhook);
      ledger.effect('webhook_held', userId, { job });
    } else if (this.mode === 'none' || this.url === undefined) {
      ledger.effect('webhook_dropped', userId, { job });
    } else {
      await this.#post(webhook, this.#options.retryDelaysMs);
    }
  }

  /** Sends what is held (of one user, or all), in order; what comes later is held on while the mode is `hold`. */
  async release(userId?: string): Promise<SentAtomicWebhook[]> {
    const isDue = (webhook: AtomicWebhook) => userId === undefined || webhook.userId === userId;
    const due = this.#held.filter(isDue);
    this.#held = this.#held.filter((webhook) => !isDue(webhook));
    return Promise.all(due.map((webhook) => this.#post(webhook, this.#options.retryDelaysMs)));
  }

  /** Sends a webhook whatever the mode, once; resolves with the receiver's answer. */
  send(draft: WebhookDraft): Promise<SentAtomicWebhook> {
    return this.#post(this.#make(draft), []);
  }

  /** Sends the same bytes and headers again, once. */
  resend({ userId, job, rawBody, headers }: AtomicWebhook): Promise<SentAtomicWebhook> {
    return this.#post({ userId, job, rawBody, headers }, []);
  }

  #make(draft: WebhookDraft): AtomicWebhook {
    const { ids, now, atomicIdOf, linkIdOf, eventTypes } = this.#options;
    const { userId, job, eventType = eventTypes[job], secret = this.secret } = draft;
    const eventTime = new Date(now()).toISOString();
    const rawBody =
      draft.rawBody ??
      JSON.stringify({
        eventType,
        eventTime,
        user: { _id: atomicIdOf(userId), identifier: userId },
        data: draft.data ?? { processorLink: linkIdOf(userId, job), job },
      });
    const headers = {
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-source': 'com.atomicfi',
      'ce-type': `${ATOMIC_CE_TYPE_PREFIX}${eventType}`,
      'ce-time': eventTime,
      'ce-id': ids.objectId(),
      [ATOMIC_SIGNATURE_HEADER]: createHmac('sha256', secret).update(rawBody).digest('hex'),
      ...draft.headers,
    };
    return { userId, job, rawBody, headers };
  }

  async #post(webhook: AtomicWebhook, retryDelaysMs: readonly number[]): Promise<SentAtomicWebhook> {
    const { ledger, delivery, timeoutMs } = this.#options;
    const { url } = this;
    if (url === undefined) throw new Error('No webhook URL is set.');
    const { userId, job, rawBody, headers } = webhook;
    const message: WebhookMessage = { url, headers, rawBody };
    const answer = await delivery.deliver({
      message: () => message,
      succeeded: (status) => status >= 200 && status < 300,
      retryDelaysMs,
      timeoutMs,
      onAttempt(attempt, attemptAnswer) {
        ledger.effect('webhook_sent', userId, { job, attempt, ...attemptAnswer });
      },
    });
    const sent = { ...webhook, answer };
    this.sent.push(sent);
    if (this.sent.length > KEPT_WEBHOOKS) this.sent.shift();
    return sent;
  }
}
