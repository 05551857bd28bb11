import { randomBytes } from 'node:crypto';
import { SIGNALS } from '../../../src/contract/names';
import type { PlaidWebhookSignal } from '../../../src/contract/workflow';
import type { Handle } from '../../support/link-world';

type Meaning = PlaidWebhookSignal extends infer S
  ? S extends unknown
    ? Omit<S, 'bodySha256'>
    : never
  : never;

/** Plaid's webhook, as the HTTP API passes it on. */
export function plaidWebhook(handle: Handle, meaning: Meaning): Promise<void> {
  return handle.signal(SIGNALS.plaidWebhook, { ...meaning, bodySha256: randomBytes(32).toString('hex') });
}
