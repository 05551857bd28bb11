import { z } from 'zod';
import { type Job, jobOfEventType } from '../contract/jobs';
import { ATOMIC_CE_TYPE_PREFIX } from '../contract/names';
import { userIdSchema } from '../contract/schemas';
import { bodySha256 } from './body-digest';
import { failed, parseJsonBody, parseShape, type WebhookProblem } from './json-body';

/**
 * What a webhook of Atomic's means to us. `ignored` is well formed and not for us: an event that we do not act on,
 * or a user whose id we cannot have given. Its `eventType` is the sender's text: for a log, not for a metric's label.
 */
export type AtomicEvent =
  | { kind: 'job_finished'; userId: string; job: Job; bodySha256: string }
  | { kind: 'ignored'; eventType: string };

export type AtomicWebhook = { ok: true; event: AtomicEvent } | { ok: false; errors: WebhookProblem[] };

/**
 * The part of the body that Atomic documents for every event, less `data`: nothing is read from it, since a webhook
 * is a hint to fetch, so a change of its shape must not cost us the hint. Further fields are dropped.
 */
const webhookSchema = z.object({
  eventType: z.string().min(1).max(200),
  eventTime: z.string().refine((time) => !Number.isNaN(Date.parse(time)), 'must be a time'),
  user: z.object({ identifier: z.string() }),
});

/**
 * Reads a verified webhook of Atomic's (reference, Webhooks: CloudEvents in binary mode). Only the body is signed, so
 * user and event come from it alone; the header `ce-type` has to agree where it is present. Never throws.
 */
export function parseAtomicWebhook(
  rawBody: Uint8Array,
  ceType: string | string[] | undefined,
): AtomicWebhook {
  const json = parseJsonBody(rawBody);
  if (!json.ok) return json;
  const webhook = parseShape(webhookSchema, json.value);
  if (!webhook.ok) return webhook;

  const { eventType, user } = webhook.value;
  if (ceType !== undefined && ceType !== `${ATOMIC_CE_TYPE_PREFIX}${eventType}`) {
    return failed({
      path: 'ce-type',
      message: `must be ${ATOMIC_CE_TYPE_PREFIX} and the eventType of the body`,
    });
  }
  const job = jobOfEventType(eventType);
  const userId = userIdSchema.safeParse(user.identifier);
  if (job === undefined || !userId.success) return { ok: true, event: { kind: 'ignored', eventType } };
  return {
    ok: true,
    event: { kind: 'job_finished', userId: userId.data, job, bodySha256: bodySha256(rawBody) },
  };
}
