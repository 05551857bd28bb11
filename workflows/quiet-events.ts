import type { LinkEvent } from './facts';

const QUIET: readonly LinkEvent['type'][] = [
  'registration_begun',
  'registration_unheard',
  'tokens_resealed',
  'webhook_came',
  'wait_interrupted',
  'look_wanted',
  'warning_heard',
  'looked',
  'looks_interrupted',
  'history_ready',
  'item_lost',
  'account_revoked',
  'permission_revoked',
];

/** Whether an event changes nothing that is shown: `updatedAt` stays. */
export function isQuiet({ type }: LinkEvent): boolean {
  return QUIET.includes(type);
}
