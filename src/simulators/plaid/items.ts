import { fingerprint, type IdGenerator } from '../server/ids';
import type { Ledger } from '../server/ledger';
import { type Accounts, makeAccounts, type SimulatedAccount } from './accounts';
import { type PlaidErrorCode, PlaidRefusal } from './errors';
import { liveTokens, type SimulatedItem } from './item';

export type PlaidEffect =
  | 'link_token_created'
  | 'public_token_created'
  | 'item_created'
  | 'item_changed'
  | 'item_removed'
  | 'item_revoked'
  | 'processor_token_created'
  | 'processor_token_restricted'
  | 'webhook_sent';

const PUBLIC_TOKEN_LIFE_MS = 30 * 60_000;

export interface NewItem {
  userId?: string | undefined;
  /** Default: one checking account. */
  accounts?: Accounts | undefined;
  webhook?: string | undefined;
  products?: readonly string[] | undefined;
  institutionId?: string | undefined;
}

interface PublicToken {
  itemId: string;
  origin: NewItem;
  accounts: SimulatedAccount[];
  expiresAtMs: number;
  used: boolean;
}

export interface PlaidItemsOptions {
  ids: IdGenerator;
  ledger: Ledger<PlaidEffect>;
  now: () => number;
  environment: 'sandbox' | 'production';
  /** What a call on a removed Item is refused with: Plaid's pages name both. */
  removedItemError: 'ITEM_NOT_FOUND' | 'INVALID_ACCESS_TOKEN';
}

/** Everything that outlives a restart, as JSON can hold it. It has tokens in it. */
export interface PlaidState {
  publicTokens: [string, PublicToken][];
  items: (Omit<SimulatedItem, 'processorTokens'> & { processorTokens: [string, string][] })[];
}

/** Items and their tokens, as Plaid keeps them. */
export class PlaidItems {
  readonly #options: PlaidItemsOptions;
  readonly #publicTokens = new Map<string, PublicToken>();
  readonly #byId = new Map<string, SimulatedItem>();
  readonly #byAccessToken = new Map<string, SimulatedItem>();
  readonly #byProcessorToken = new Map<string, SimulatedItem>();

  constructor(options: PlaidItemsOptions, state?: PlaidState) {
    this.#options = options;
    for (const [token, made] of state?.publicTokens ?? []) this.#publicTokens.set(token, made);
    for (const kept of state?.items ?? []) {
      this.#keep({ ...kept, processorTokens: new Map(kept.processorTokens) });
    }
  }

  dump(): PlaidState {
    return {
      publicTokens: [...this.#publicTokens],
      items: this.all().map((item) => ({ ...item, processorTokens: [...item.processorTokens] })),
    };
  }

  #keep(item: SimulatedItem): void {
    this.#byId.set(item.itemId, item);
    this.#byAccessToken.set(item.accessToken, item);
    for (const token of item.processorTokens.keys()) this.#byProcessorToken.set(token, item);
  }

  /** What a finished Link session leaves: a token to exchange, and no Item of ours yet. */
  createPublicToken(origin: NewItem): { publicToken: string; itemId: string; accounts: SimulatedAccount[] } {
    const { ids, ledger, now, environment } = this.#options;
    const publicToken = `public-${environment}-${ids.uuid()}`;
    const itemId = ids.plaidId();
    const accounts = makeAccounts(origin.accounts ?? 'checking', ids);
    const expiresAtMs = now() + PUBLIC_TOKEN_LIFE_MS;
    this.#publicTokens.set(publicToken, { itemId, origin, accounts, expiresAtMs, used: false });
    ledger.effect('public_token_created', origin.userId, { itemId });
    return { publicToken, itemId, accounts: accounts.map((account) => ({ ...account })) };
  }

  userOfPublicToken(token: string): string | undefined {
    return this.#publicTokens.get(token)?.origin.userId;
  }

  /** Makes a public token expire now. */
  expirePublicToken(token: string): void {
    const found = this.#publicTokens.get(token);
    if (!found) throw new Error('No such public token');
    found.expiresAtMs = this.#options.now();
  }

  exchange(token: string): SimulatedItem {
    const found = this.#publicTokens.get(token);
    if (!found || found.used || found.expiresAtMs <= this.#options.now()) {
      throw new PlaidRefusal('INVALID_PUBLIC_TOKEN', 'no live public token matches the one supplied');
    }
    found.used = true;
    return this.#create(found, 'exchange');
  }

  /** An Item that the caller exchanged on its own. */
  createItem(origin: NewItem): SimulatedItem {
    const { ids } = this.#options;
    const accounts = makeAccounts(origin.accounts ?? 'checking', ids);
    return this.#create({ itemId: ids.plaidId(), origin, accounts }, 'caller');
  }

  #create(
    made: { itemId: string; origin: NewItem; accounts: SimulatedAccount[] },
    origin: SimulatedItem['origin'],
  ): SimulatedItem {
    const { ids, ledger, now, environment } = this.#options;
    const { userId, webhook, products, institutionId } = made.origin;
    const item: SimulatedItem = {
      itemId: made.itemId,
      accessToken: `access-${environment}-${ids.uuid()}`,
      userId,
      webhook: webhook ?? null,
      products: products ?? ['transactions'],
      institutionId: institutionId ?? 'ins_109508',
      createdAtMs: now(),
      origin,
      life: 'live',
      delivered: true,
      accounts: made.accounts,
      consent: 'given',
      error: null,
      lastSuccessfulUpdateMs: null,
      lastFailedUpdateMs: null,
      lastWebhook: null,
      processorTokens: new Map(),
    };
    this.#keep(item);
    ledger.effect('item_created', userId, { itemId: item.itemId, origin });
    return item;
  }

  all(): SimulatedItem[] {
    return [...this.#byId.values()];
  }

  byId(itemId: string): SimulatedItem {
    const item = this.#byId.get(itemId);
    if (!item) throw new Error(`No such Item: ${itemId}`);
    return item;
  }

  userOfAccessToken(token: string): string | undefined {
    return this.#byAccessToken.get(token)?.userId;
  }

  /** The Item of an access token; refuses dead and unknown tokens as Plaid does. */
  byAccessToken(token: string, options: { evenRevoked?: boolean } = {}): SimulatedItem {
    const item = this.#byAccessToken.get(token);
    if (!item) throw new PlaidRefusal('INVALID_ACCESS_TOKEN', 'no access token matches the one supplied');
    if (item.life === 'removed') {
      throw new PlaidRefusal(this.#options.removedItemError, 'the item no longer exists');
    }
    if (item.life === 'revoked' && !options.evenRevoked) {
      throw new PlaidRefusal('USER_PERMISSION_REVOKED', 'the account holder withdrew permission');
    }
    return item;
  }

  createProcessorToken(item: SimulatedItem, accountId: string): string {
    const { ids, ledger, environment } = this.#options;
    const token = `processor-${environment}-${ids.uuid()}`;
    item.processorTokens.set(token, accountId);
    this.#byProcessorToken.set(token, item);
    const { itemId } = item;
    ledger.effect('processor_token_created', item.userId, { itemId, accountId, token: fingerprint(token) });
    return token;
  }

  /** What the processor may read by the token; an empty list is everything. */
  restrictProcessorToken(token: string, products: readonly string[]): void {
    const item = this.#byProcessorToken.get(token);
    if (!item)
      throw new PlaidRefusal('INVALID_PROCESSOR_TOKEN', 'no processor token matches the one supplied');
    this.#options.ledger.effect('processor_token_restricted', item.userId, {
      itemId: item.itemId,
      token: fingerprint(token),
      products: products.join(','),
    });
  }

  /** Whether the Item lives and still has the account that the token is for. */
  isProcessorTokenLive(token: string): boolean {
    const item = this.#byProcessorToken.get(token);
    return item !== undefined && liveTokens(item).includes(token);
  }

  remove(item: SimulatedItem): void {
    item.life = 'removed';
    this.#options.ledger.effect('item_removed', item.userId, { itemId: item.itemId });
  }

  /** The user withdraws permission at the bank or in Plaid's portal. */
  revoke(item: SimulatedItem, itemStays: boolean): void {
    item.life = itemStays ? 'revoked' : 'removed';
    this.#options.ledger.effect('item_revoked', item.userId, { itemId: item.itemId, itemStays });
  }

  /** Sets or clears the Item's error. */
  setError(item: SimulatedItem, error: PlaidErrorCode | null): void {
    item.error = error;
    if (error !== null) item.lastFailedUpdateMs = this.#options.now();
    this.changed(item, error === null ? 'error cleared' : error);
  }

  changed(item: SimulatedItem, change: string): void {
    this.#options.ledger.effect('item_changed', item.userId, { itemId: item.itemId, change });
  }

  /** What is left at Plaid of a user, or of everybody. */
  leftovers(userId?: string): PlaidLeftovers {
    const items = this.all().filter(
      (item) => item.life !== 'removed' && (userId === undefined || item.userId === userId),
    );
    const ours = items.filter((item) => item.origin === 'exchange');
    const held = ours.filter((item) => item.delivered);
    return {
      items: held.map((item) => item.itemId),
      orphanedItems: ours.filter((item) => !item.delivered).map((item) => item.itemId),
      callersItems: items.filter((item) => item.origin === 'caller').map((item) => item.itemId),
      liveProcessorTokens: held.reduce((sum, item) => sum + liveTokens(item).length, 0),
    };
  }
}

export interface PlaidLeftovers {
  /** Live Items that somebody exchanged and holds the access token of. */
  items: string[];
  /** Live Items whose access token was lost with the exchange's answer: only Plaid can remove them. */
  orphanedItems: string[];
  /** Live Items that the caller brought along. */
  callersItems: string[];
  /** Live processor tokens of `items`. */
  liveProcessorTokens: number;
}
