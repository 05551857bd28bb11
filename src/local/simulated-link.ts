import { z } from 'zod';
import { userIdSchema } from '../contract/schemas';
import type { LocalProviders } from './providers';

/** Banks to choose from, each with the accounts that show what the service does about them. */
export const SIMULATED_BANKS = {
  'First Platypus Bank': 'checking',
  'Tartan Bank': 'checking-and-savings',
  'Houndstooth Bank': 'checking-and-card',
  'Windowpane Bank': 'card-only',
} as const;
type Bank = keyof typeof SIMULATED_BANKS;
const banks = Object.keys(SIMULATED_BANKS).filter((name): name is Bank =>
  Object.hasOwn(SIMULATED_BANKS, name),
);

export const simulatedLinkSchema = z.strictObject({
  userId: userIdSchema,
  bank: z.enum(banks),
  /** What goes wrong, if anything: a public token that is too old, or three answers of 500 from Plaid. */
  mishap: z.enum(['none', 'expired-token', 'plaid-fails']).default('none'),
});

/** What Plaid Link hands to the page when the user has been through it: `onSuccess(publicToken, metadata)`. */
export interface LinkSuccess {
  publicToken: string;
  metadata: { accounts: { id: string; name: string; mask: string | null; subtype: string | null }[] };
}

/** A session of Link at the simulated Plaid. */
export function simulatedLink(
  { userId, bank, mishap }: z.infer<typeof simulatedLinkSchema>,
  plaid: NonNullable<LocalProviders['plaidSimulator']>,
  webhook: string,
): LinkSuccess {
  const { publicToken, accounts } = plaid.createPublicToken({
    userId,
    webhook,
    accounts: SIMULATED_BANKS[bank],
  });
  if (mishap === 'expired-token') plaid.expirePublicToken(publicToken);
  if (mishap === 'plaid-fails') plaid.faults.add({ userId, times: 3, kind: { status: 500 } });
  return {
    publicToken,
    metadata: {
      accounts: accounts.map(({ accountId: id, name, mask, subtype }) => ({ id, name, mask, subtype })),
    },
  };
}
