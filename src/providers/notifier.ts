import { Webhook } from 'standardwebhooks';
import type { NotificationEvent } from '../contract/notifications';
import { SafeError } from '../contract/safe-error';
import { startDeadline } from './deadline';
import { createCallHttp, type HttpAnswer } from './http-call';
import { parseRetryAfterMs } from './retry-after';
import type { CallOptions } from './types';

/** A longer answer closes its connection, a shorter one keeps it for the next notification. */
const ANSWER_MAX_BYTES = 64 * 1024;

export interface NotifierSettings {
  url: string;
  /** `whsec_` and base64, the newest first; every one signs, so that the receiver can change over in its own time. */
  secrets: readonly string[];
  /** Deadline of an attempt. */
  timeoutMs?: number;
}

/** The caller did not take a notification. The message holds a status or a kind of failure, and nothing of the URL. */
export class NotificationError extends SafeError {
  /** The caller said that it never will (410): no further attempt makes sense. */
  readonly gone: boolean;
  /** From `Retry-After`. */
  readonly retryAfterMs: number | undefined;

  constructor(
    reason: string,
    { gone = false, retryAfterMs }: { gone?: boolean; retryAfterMs?: number } = {},
  ) {
    super(`The notification was not taken: ${reason}`);
    this.name = 'NotificationError';
    this.gone = gone;
    this.retryAfterMs = retryAfterMs;
  }
}

export type PostNotification = (event: NotificationEvent, options?: CallOptions) => Promise<void>;

/**
 * Posts events as Standard Webhooks (standardwebhooks.com): the id is the event's over all attempts, the timestamp of the
 * headers that of the attempt, with one signature for each secret. One attempt; redirects are not followed. Throws
 * {@link NotificationError}, and the signal's reason when that aborts the attempt.
 */
export function createNotifier({ url, secrets, timeoutMs = 10_000 }: NotifierSettings): PostNotification {
  const callHttp = createCallHttp();
  const signers = secrets.map((secret) => new Webhook(secret));

  return async (event, options) => {
    const { type, timestamp, data } = event;
    const body = JSON.stringify({ type, timestamp, data });
    const now = new Date();
    const deadline = startDeadline(timeoutMs, options?.signal);
    try {
      const response = await callHttp({
        url,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'processor-link',
          'webhook-id': event.id,
          'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
          'webhook-signature': signers.map((signer) => signer.sign(event.id, now, body)).join(' '),
        },
        body,
        // The status is the answer; what else there is is not kept.
        maxBytes: ANSWER_MAX_BYTES,
        signal: deadline.signal,
      });
      if (response.status < 200 || response.status > 299) throw refused(response);
    } catch (error) {
      if (error instanceof NotificationError) throw error;
      options?.signal?.throwIfAborted();
      throw new NotificationError(
        deadline.cutShortBy() === 'deadline' ? 'no answer in time' : 'no connection',
      );
    } finally {
      deadline.end();
    }
  };
}

function refused({ status, headers }: HttpAnswer): NotificationError {
  const isBusy = status === 429 || status === 503;
  const retryAfterMs = isBusy ? parseRetryAfterMs(headers['retry-after'], Date.now()) : undefined;
  return new NotificationError(`HTTP ${status}`, {
    gone: status === 410,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
