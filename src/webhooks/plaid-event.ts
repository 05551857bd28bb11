import { z } from 'zod';
import type { PlaidEnvironment } from '../contract/plaid';
import { timestampSchema } from '../contract/schemas';
import type { PlaidWebhookSignal } from '../contract/workflow';
import { bodySha256 } from './body-digest';
import { type Parsed, parseJsonBody, parseShape, type WebhookProblem } from './json-body';

/**
 * What a webhook of Plaid's means to us. `ignored` is well formed and asks nothing of a link. Its texts are the
 * sender's: for a log, not for a metric's label.
 */
export type PlaidEvent = PlaidWebhookSignal | { kind: 'ignored'; webhookType: string; webhookCode: string };

export type PlaidWebhook = { ok: true; event: PlaidEvent } | { ok: false; errors: WebhookProblem[] };

const text = z.string().min(1).max(200);
const kindSchema = z.object({ webhook_type: text, webhook_code: text });
const environmentSchema = z.object({ environment: z.string() });
// Webhooks of processors and of Link have no `item_id`, so it is required only where it is used.
const itemSchema = z.object({ item_id: text });

type Change<Signal = PlaidWebhookSignal> = Signal extends PlaidWebhookSignal
  ? Omit<Signal, 'itemId' | 'bodySha256'>
  : never;
type Reading = { itemId: string; change: Change };

function reading<Shape extends z.ZodRawShape>(
  shape: Shape,
  changeOf: (body: z.output<z.ZodObject<Shape>>) => Change,
): (body: unknown) => Parsed<Reading> {
  const schema = z.object(shape);
  return (body) => {
    const item = parseShape(itemSchema, body);
    if (!item.ok) return item;
    const rest = parseShape(schema, body);
    if (!rest.ok) return rest;
    return { ok: true, value: { itemId: item.value.item_id, change: changeOf(rest.value) } };
  };
}

/** `webhook_type/webhook_code` to what it changes for a link. */
const READINGS: ReadonlyMap<string, (body: unknown) => Parsed<Reading>> = new Map([
  [
    'ITEM/ERROR',
    reading({ error: z.object({ error_code: text }) }, ({ error }) => changeOfItemError(error.error_code)),
  ],
  ['ITEM/LOGIN_REPAIRED', reading({}, () => ({ kind: 'sign_in_repaired' }))],
  [
    'ITEM/PENDING_DISCONNECT',
    reading({ disconnect_time: z.unknown().optional() }, ({ disconnect_time }) => ({
      kind: 'pending_disconnect',
      ...untilOf(disconnect_time),
    })),
  ],
  [
    'ITEM/PENDING_EXPIRATION',
    reading({ consent_expiration_time: z.unknown().optional() }, ({ consent_expiration_time }) => ({
      kind: 'pending_expiration',
      ...untilOf(consent_expiration_time),
    })),
  ],
  ['ITEM/USER_PERMISSION_REVOKED', reading({}, () => ({ kind: 'permission_revoked' }))],
  [
    'ITEM/USER_ACCOUNT_REVOKED',
    reading({ account_id: text }, ({ account_id }) => ({ kind: 'account_revoked', accountId: account_id })),
  ],
  ['TRANSACTIONS/HISTORICAL_UPDATE', reading({}, () => ({ kind: 'history_ready' }))],
  [
    'TRANSACTIONS/SYNC_UPDATES_AVAILABLE',
    reading({ historical_update_complete: z.unknown().optional() }, ({ historical_update_complete }) =>
      historical_update_complete === true ? { kind: 'history_ready' } : { kind: 'item_heard_of' },
    ),
  ],
]);

/** Types whose other codes tell that the Item is alive, if nothing more: new transactions, new accounts. */
const OTHER_TYPES = ['ITEM', 'TRANSACTIONS'];
const readOther = reading({}, () => ({ kind: 'item_heard_of' }));

/**
 * Reads a verified webhook of Plaid's (reference, Webhooks). Fields that are not used are not looked at: Plaid types
 * some of them differently from webhook to webhook. One that says it is of another environment is none. Whether the
 * Item is the link's is for the workflow to say. Never throws.
 */
export function parsePlaidWebhook(rawBody: Uint8Array, environment: PlaidEnvironment): PlaidWebhook {
  const json = parseJsonBody(rawBody);
  if (!json.ok) return json;
  const said = environmentSchema.safeParse(json.value).data?.environment;
  if (said !== undefined && said !== environment) {
    return { ok: false, errors: [{ path: 'environment', message: `is not ${environment}` }] };
  }
  const kind = parseShape(kindSchema, json.value);
  if (!kind.ok) return kind;

  const { webhook_type: webhookType, webhook_code: webhookCode } = kind.value;
  const ignored: PlaidWebhook = { ok: true, event: { kind: 'ignored', webhookType, webhookCode } };
  const known = READINGS.get(`${webhookType}/${webhookCode}`);
  if (!known && !OTHER_TYPES.includes(webhookType)) return ignored;
  const read = (known ?? readOther)(json.value);
  if (!read.ok) return known ? read : ignored;
  const { itemId, change } = read.value;
  return { ok: true, event: { ...change, itemId, bodySha256: bodySha256(rawBody) } };
}

/** Whatever the error, the Item is to be looked at: Plaid adds codes. */
function changeOfItemError(errorCode: string): Change {
  return { kind: errorCode === 'USER_PERMISSION_REVOKED' ? 'permission_revoked' : 'sign_in_required' };
}

const plaidTimeSchema = z.union([z.iso.datetime({ offset: true, local: true }), z.iso.date()]);
const HAS_ZONE = /(Z|[+-]\d{2}:?\d{2})$/;

/** A time of Plaid's as ISO 8601 UTC. A warning without a date is still a warning, so what is no date is left out. */
function untilOf(time: unknown): { until?: string } {
  const parsed = plaidTimeSchema.safeParse(time);
  if (!parsed.success) return {};
  // Without a zone JavaScript would read a time (though not a date) as local to this machine.
  const isLocal = parsed.data.includes('T') && !HAS_ZONE.test(parsed.data);
  const instant = new Date(isLocal ? `${parsed.data}Z` : parsed.data);
  if (Number.isNaN(instant.getTime())) return {};
  const until = instant.toISOString();
  return timestampSchema.safeParse(until).success ? { until } : {};
}
