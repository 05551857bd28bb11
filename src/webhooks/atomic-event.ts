import { z } from 'zod';
import { jobStatusIn } from '../contract/atomic';
import { type Job, type JobEvents, jobOfEventType } from '../contract/jobs';
import { ATOMIC_CE_TYPE_PREFIX } from '../contract/names';
import { userIdSchema } from '../contract/schemas';
import { bodySha256 } from './body-digest';
import { failed, parseJsonBody, parseShape, type WebhookProblem } from './json-body';

/**
 * What a webhook of Atomic's means to us. `ignored` is well formed and not for us: an event that we do not act on, one
 * that says that the job still runs, or a user whose id we cannot have given. Its `eventType` is the sender's text: for a
 * log, not for a metric's label.
 */
export type AtomicEvent =
  | { kind: 'job_finished'; userId: string; job: Job; bodySha256: string; eventTime?: string; failed?: true }
  | { kind: 'ignored'; eventType: string };

export type AtomicWebhook = { ok: true; event: AtomicEvent } | { ok: false; errors: WebhookProblem[] };

const eventSchema = z.object({ eventType: z.string().min(1).max(200) });

/**
 * Of an event that we act on. Of `data` nothing is read but a status, since a webhook is a hint to fetch, so a change of
 * its shape must not cost us the hint. Further fields are dropped.
 */
const jobEventSchema = z.object({
  eventTime: z.unknown().optional(),
  user: z.object({ identifier: z.string() }),
  data: z.unknown().optional(),
});

/**
 * Reads a verified webhook of Atomic's (reference, Webhooks: CloudEvents in binary mode). Only the body is signed, so
 * user and event come from it alone; the header `ce-type` has to agree where it is present. `events` are the names that
 * tell of a finished job. Never throws.
 */
export function parseAtomicWebhook(
  rawBody: Uint8Array,
  ceType: string | string[] | undefined,
  events?: JobEvents,
): AtomicWebhook {
  const json = parseJsonBody(rawBody);
  if (!json.ok) return json;
  const event = parseShape(eventSchema, json.value);
  if (!event.ok) return event;

  const { eventType } = event.value;
  if (ceType !== undefined && ceType !== `${ATOMIC_CE_TYPE_PREFIX}${eventType}`) {
    return failed({
      path: 'ce-type',
      message: `must be ${ATOMIC_CE_TYPE_PREFIX} and the eventType of the body`,
    });
  }
  const job = jobOfEventType(eventType, events);
  const ignored: AtomicWebhook = { ok: true, event: { kind: 'ignored', eventType } };
  if (job === undefined) return ignored;

  const webhook = parseShape(jobEventSchema, json.value);
  if (!webhook.ok) return webhook;
  const { user, data, eventTime } = webhook.value;
  const userId = userIdSchema.safeParse(user.identifier);
  const status = jobStatusIn(data);
  if (!userId.success || status === 'running') return ignored;
  return {
    ok: true,
    event: {
      kind: 'job_finished',
      userId: userId.data,
      job,
      bodySha256: bodySha256(rawBody),
      ...(isTime(eventTime) && { eventTime }),
      ...(status === 'failed' && { failed: true }),
    },
  };
}

function isTime(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 64 && !Number.isNaN(Date.parse(value));
}
