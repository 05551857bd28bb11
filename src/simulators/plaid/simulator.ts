import { registerControlRoutes } from '../server/control-routes';
import type { Faults } from '../server/faults';
import { createIds } from '../server/ids';
import { Ledger } from '../server/ledger';
import { createSimulatorServer } from '../server/simulator-server';
import { WebhookDelivery } from '../server/webhook-delivery';
import { type AccountSpec, makeAccounts, type SimulatedAccount } from './accounts';
import { plaidCommands } from './commands';
import { unknownPlaidRoute } from './endpoint';
import { registerPlaidEndpoints } from './endpoints';
import { isPlaidErrorCode, type PlaidErrorCode, plaidErrorAnswer } from './errors';
import { liveTokens, type SimulatedItem } from './item';
import { type NewItem, type PlaidEffect, PlaidItems, type PlaidLeftovers, type PlaidState } from './items';
import { WebhookKeys } from './signing';
import {
  firedWebhook,
  PLAID_RETRY_DELAYS_MS,
  type PlaidWebhookBody,
  type PlaidWebhookCode,
  PlaidWebhooks,
  type SentPlaidWebhook,
} from './webhooks';

export interface PlaidSimulatorOptions {
  clientId: string;
  secret: string;
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free one. */
  port?: number;
  /** Makes every id the same in each run. */
  seed?: string;
  /** Milliseconds since 1970; default `Date.now`. */
  now?: () => number;
  /** Default `sandbox`. */
  environment?: 'sandbox' | 'production';
  /** What a call on a removed Item is refused with. Default `ITEM_NOT_FOUND`. */
  removedItemError?: 'ITEM_NOT_FOUND' | 'INVALID_ACCESS_TOKEN';
  /** URIs that a Link token may name as `redirect_uri`, as the Dashboard keeps them. Default: any. */
  redirectUris?: readonly string[];
  /** When set, a new Item gets INITIAL_UPDATE at once and HISTORICAL_UPDATE so long after it. */
  historyDelayMs?: number;
  /** Default Plaid's own: 30 s, then four times as long each time, six in all. */
  webhookRetryDelaysMs?: readonly number[];
  /** What an earlier one left: its `dump()`. */
  state?: PlaidState;
  /** Tells the user of a token made by `/sandbox/public_token/create`; by default nobody knows it. */
  userOfWebhookUrl?: (url: string) => string | undefined;
}

/** An Item as tests see it, without its tokens. */
export interface ItemView {
  itemId: string;
  userId?: string;
  life: SimulatedItem['life'];
  origin: SimulatedItem['origin'];
  delivered: boolean;
  error: PlaidErrorCode | null;
  webhook: string | null;
  accounts: SimulatedAccount[];
  processorTokens: { made: number; live: number };
}

export interface PlaidSimulator {
  readonly url: string;
  readonly ledger: Ledger<PlaidEffect>;
  readonly faults: Faults;
  readonly keys: WebhookKeys;
  readonly sentWebhooks: readonly SentPlaidWebhook[];
  /** What a finished Link session hands the app. `accounts` are those that the Item will have. */
  createPublicToken(item?: NewItem): { publicToken: string; itemId: string; accounts: SimulatedAccount[] };
  expirePublicToken(publicToken: string): void;
  /** An Item that the caller exchanged on its own. */
  createItem(item?: NewItem): { itemId: string; accessToken: string; accounts: SimulatedAccount[] };
  items(userId?: string): ItemView[];
  accessTokenOf(itemId: string): string;
  isProcessorTokenLive(token: string): boolean;
  /** Puts the Item in ITEM_LOGIN_REQUIRED, or in another error; fires ITEM / ERROR unless `webhook` is false. */
  requireLogin(itemId: string, options?: { code?: PlaidErrorCode; webhook?: boolean }): Promise<void>;
  /** The user has not consented to what Atomic reads; until asked for it in update mode, no repair helps. */
  withdrawConsent(itemId: string): void;
  /** The user signed in again; fires LOGIN_REPAIRED unless `webhook` is false. */
  repair(itemId: string, options?: { webhook?: boolean }): Promise<void>;
  /** The account (default the first) comes back under a new id, otherwise as it was; returns the new id. */
  changeAccountId(itemId: string, accountId?: string): string;
  addAccount(itemId: string, account: AccountSpec): string;
  /** The account (default the first) is no longer shared; fires USER_ACCOUNT_REVOKED. */
  revokeAccount(itemId: string, accountId?: string): Promise<void>;
  /** Fires USER_PERMISSION_REVOKED. The Item is gone, or with `itemStays` only of use to /item/remove. */
  revokePermission(itemId: string, options?: { itemStays?: boolean }): Promise<void>;
  /** The whole history is in; fires HISTORICAL_UPDATE unless `webhook` is false. */
  historyReady(itemId: string, options?: { webhook?: boolean }): Promise<void>;
  /** Sends a signed webhook and changes nothing; resolves once the first attempt was answered. */
  fireWebhook(itemId: string, webhook: PlaidWebhookCode | PlaidWebhookBody): Promise<SentPlaidWebhook>;
  /** Items and tokens, for one that is to go on with them; signing keys and faults are not in it. */
  dump(): PlaidState;
  leftovers(userId?: string): PlaidLeftovers;
  /** No Item that we hold the token of lives, for a user or for anybody. Orphans and callers' Items do not count. */
  nothingLeft(userId?: string): boolean;
  close(): Promise<void>;
}

/** Starts Plaid on a local port. */
export async function startPlaidSimulator(options: PlaidSimulatorOptions): Promise<PlaidSimulator> {
  const { clientId, secret, environment = 'sandbox', now = Date.now } = options;
  const ids = createIds(options.seed);
  const ledger = new Ledger<PlaidEffect>({ now });
  const items = new PlaidItems(
    {
      ids,
      ledger,
      now,
      environment,
      removedItemError: options.removedItemError ?? 'ITEM_NOT_FOUND',
    },
    options.state,
  );
  const keys = new WebhookKeys(ids, now);
  const server = createSimulatorServer({
    ledger,
    isPlaidError: isPlaidErrorCode,
    plaidErrorAnswer: (code) =>
      plaidErrorAnswer(
        isPlaidErrorCode(code) ? code : 'INTERNAL_SERVER_ERROR',
        ids.plaidRequestId(),
        undefined,
      ),
    unknownRoute: unknownPlaidRoute(ids),
  });
  const delivery = new WebhookDelivery(server.schedule);
  const webhooks = new PlaidWebhooks({
    ledger,
    keys,
    delivery,
    environment,
    now,
    retryDelaysMs: options.webhookRetryDelaysMs ?? PLAID_RETRY_DELAYS_MS,
  });

  const send = async (
    item: SimulatedItem,
    webhook: PlaidWebhookCode | PlaidWebhookBody,
    wanted: boolean = true,
  ): Promise<void> => {
    if (wanted) await webhooks.send(item, webhook);
  };
  const accountOf = (item: SimulatedItem, accountId?: string): SimulatedAccount => {
    const account = item.accounts.find((one) => accountId === undefined || one.accountId === accountId);
    if (!account) throw new Error(`Item ${item.itemId} has no such account`);
    return account;
  };
  const markHistoryReady = (item: SimulatedItem) => {
    item.lastSuccessfulUpdateMs = now();
    item.lastWebhook = { sentAtMs: now(), code: 'HISTORICAL_UPDATE' };
    items.changed(item, 'history ready');
  };

  const simulator = {
    ledger,
    faults: server.faults,
    keys,
    sentWebhooks: webhooks.sent,
    createPublicToken: (item: NewItem = {}) => items.createPublicToken(item),
    expirePublicToken: (publicToken: string) => items.expirePublicToken(publicToken),
    createItem(origin: NewItem = {}) {
      const { itemId, accessToken, accounts } = items.createItem(origin);
      return { itemId, accessToken, accounts: accounts.map((account) => ({ ...account })) };
    },
    items: (userId?: string) =>
      items
        .all()
        .filter((item) => userId === undefined || item.userId === userId)
        .map(itemView),
    accessTokenOf: (itemId: string) => items.byId(itemId).accessToken,
    isProcessorTokenLive: (token: string) => items.isProcessorTokenLive(token),
    async requireLogin(itemId: string, { code, webhook }: { code?: PlaidErrorCode; webhook?: boolean } = {}) {
      const item = items.byId(itemId);
      items.setError(item, code ?? 'ITEM_LOGIN_REQUIRED');
      await send(item, 'ERROR', webhook);
    },
    withdrawConsent(itemId: string) {
      const item = items.byId(itemId);
      item.consent = 'lacking';
      items.changed(item, 'consent withdrawn');
    },
    async repair(itemId: string, { webhook }: { webhook?: boolean } = {}) {
      const item = items.byId(itemId);
      items.setError(item, null);
      if (item.consent === 'asked') item.consent = 'given';
      await send(item, 'LOGIN_REPAIRED', webhook);
    },
    changeAccountId(itemId: string, accountId?: string) {
      const item = items.byId(itemId);
      const account = accountOf(item, accountId);
      account.accountId = ids.plaidId();
      items.changed(item, 'account id changed');
      return account.accountId;
    },
    addAccount(itemId: string, spec: AccountSpec) {
      const item = items.byId(itemId);
      const [account] = makeAccounts([spec], ids);
      if (!account) throw new Error('unreachable: one account in, one account out');
      item.accounts.push(account);
      items.changed(item, 'account added');
      return account.accountId;
    },
    async revokeAccount(itemId: string, accountId?: string) {
      const item = items.byId(itemId);
      const account = accountOf(item, accountId);
      item.accounts = item.accounts.filter((one) => one !== account);
      items.changed(item, 'account revoked');
      await send(item, { webhook_code: 'USER_ACCOUNT_REVOKED', account_id: account.accountId });
    },
    async revokePermission(itemId: string, { itemStays = false }: { itemStays?: boolean } = {}) {
      const item = items.byId(itemId);
      items.revoke(item, itemStays);
      await send(item, 'USER_PERMISSION_REVOKED');
    },
    async historyReady(itemId: string, { webhook }: { webhook?: boolean } = {}) {
      const item = items.byId(itemId);
      markHistoryReady(item);
      await send(item, 'HISTORICAL_UPDATE', webhook);
    },
    async fireWebhook(itemId: string, webhook: PlaidWebhookCode | PlaidWebhookBody) {
      const sent = await webhooks.send(items.byId(itemId), webhook);
      if (!sent) throw new Error(`Item ${itemId} has no webhook URL`);
      return sent;
    },
    dump: () => items.dump(),
    leftovers: (userId?: string) => items.leftovers(userId),
    nothingLeft: (userId?: string) => items.leftovers(userId).items.length === 0,
    async close() {
      const closing = server.close();
      delivery.close();
      await closing;
    },
  };

  registerPlaidEndpoints(server, {
    clientId,
    secret,
    environment,
    ids,
    now,
    redirectUris: options.redirectUris,
    ledger,
    items,
    keys,
    userOfWebhookUrl: options.userOfWebhookUrl ?? (() => undefined),
    onItemCreated(item) {
      const { historyDelayMs } = options;
      if (historyDelayMs === undefined) return;
      void send(item, 'INITIAL_UPDATE').then(() => {
        server.schedule.after(historyDelayMs, () => {
          if (item.life === 'live') void simulator.historyReady(item.itemId);
        });
      });
    },
    onLoginReset: (item) => void simulator.requireLogin(item.itemId),
    onFireWebhook: (item, code) => void send(item, firedWebhook(item, code)),
  });
  registerControlRoutes(server.app, {
    ledger,
    faults: server.faults,
    state: () => ({ items: simulator.items() }),
    leftovers: simulator.leftovers,
    commands: plaidCommands(simulator),
  });
  return { ...simulator, url: await server.listen(options) };
}

function itemView(item: SimulatedItem): ItemView {
  const { itemId, userId, life, origin, delivered, error, webhook } = item;
  return {
    itemId,
    ...(userId === undefined ? {} : { userId }),
    life,
    origin,
    delivered,
    error,
    webhook,
    accounts: item.accounts.map((account) => ({ ...account })),
    processorTokens: { made: item.processorTokens.size, live: liveTokens(item).length },
  };
}
