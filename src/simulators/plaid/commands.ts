import { z } from 'zod';
import { type Command, command } from '../server/control-routes';
import { ACCOUNT_PRESETS } from './accounts';
import type { PlaidSimulator } from './simulator';

const presets = Object.keys(ACCOUNT_PRESETS).filter(isPreset);
function isPreset(name: string): name is keyof typeof ACCOUNT_PRESETS {
  return Object.hasOwn(ACCOUNT_PRESETS, name);
}
const itemId = z.string();
const webhook = z.boolean().default(true);
const newItemSchema = z.strictObject({
  userId: z.string().optional(),
  webhook: z.string().optional(),
  accounts: z.enum(presets).optional(),
});

/** The simulator's controls for other processes: `POST /_control/<name>`. */
export function plaidCommands(simulator: Omit<PlaidSimulator, 'url'>): Record<string, Command> {
  const byItem = z.strictObject({ itemId, webhook });
  const byAccount = z.strictObject({ itemId, accountId: z.string().optional() });
  return {
    createPublicToken: command(newItemSchema, (input) => simulator.createPublicToken(input)),
    createItem: command(newItemSchema, (input) => simulator.createItem(input)),
    requireLogin: command(byItem, (input) => simulator.requireLogin(input.itemId, input)),
    withdrawConsent: command(z.strictObject({ itemId }), (input) => simulator.withdrawConsent(input.itemId)),
    repair: command(byItem, (input) => simulator.repair(input.itemId, input)),
    historyReady: command(byItem, (input) => simulator.historyReady(input.itemId, input)),
    changeAccountId: command(byAccount, (input) => ({
      accountId: simulator.changeAccountId(input.itemId, input.accountId),
    })),
    revokeAccount: command(byAccount, (input) => simulator.revokeAccount(input.itemId, input.accountId)),
    revokePermission: command(
      z.strictObject({ itemId, itemStays: z.boolean().default(false) }),
      ({ itemId: id, itemStays }) => simulator.revokePermission(id, { itemStays }),
    ),
    fireWebhook: command(
      z.strictObject({ itemId, body: z.looseObject({ webhook_code: z.string() }) }),
      async (input) => ({ answer: (await simulator.fireWebhook(input.itemId, input.body)).answer }),
    ),
    rotateWebhookKey: command(z.strictObject({}), () => ({ kid: simulator.keys.rotate() })),
    expireWebhookKey: command(z.strictObject({ kid: z.string().optional() }), ({ kid }) =>
      simulator.keys.expire(kid),
    ),
    isProcessorTokenLive: command(z.strictObject({ token: z.string() }), ({ token }) => ({
      live: simulator.isProcessorTokenLive(token),
    })),
  };
}
