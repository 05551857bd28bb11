import { randomBytes } from 'node:crypto';
import { SIGNALS } from '../../../src/contract/names';
import type { PlaidWebhookSignal } from '../../../src/contract/workflow';

type Kind = Exclude<PlaidWebhookSignal['kind'], 'account_revoked'>;

/** Plaid's webhook, as the HTTP API passes it on: name and arguments of the signal. */
export function plaidSignal(kind: Kind, itemId: string): [string, PlaidWebhookSignal] {
  return [SIGNALS.plaidWebhook, { kind, itemId, bodySha256: randomBytes(32).toString('hex') }];
}
