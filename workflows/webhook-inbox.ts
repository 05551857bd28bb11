import { log } from '@temporalio/workflow';
import type { AtomicWebhookSignal, PlaidWebhookSignal } from '../src/contract/workflow';
import type { LinkEvent, LinkFacts } from './facts';

/** Bodies of Atomic's webhooks that are remembered, to know a second delivery. */
const SEEN_BODIES = 1_000;
/** Plaid's too, for as long as Plaid sends one again and again; a body says nothing of when it was sent. */
const PLAID_BODY_LIFE_MS = 24 * 3_600_000;
/** Plaid's webhooks that came before the link knew its Item. */
const EARLY_PLAID_WEBHOOKS = 20;

/** What of it a run hands to the next. */
export interface CarriedInbox {
  seenBodies: string[];
  /** Of Plaid's, with the time when they first came. */
  seenPlaidBodies?: [sha256: string, atMs: number][];
  earlyPlaidWebhooks: PlaidWebhookSignal[];
}

/** The link whose webhooks come here. */
interface Owner {
  readonly facts: LinkFacts;
  apply(event: LinkEvent): void;
}

/** Turns webhooks, which are hints, into facts: each body once, and none about another Item. */
export class WebhookInbox {
  private readonly seenBodies: Set<string>;
  private readonly seenPlaidBodies: Map<string, number>;
  private readonly early: PlaidWebhookSignal[];

  constructor(
    private readonly link: Owner,
    carried: CarriedInbox | undefined,
  ) {
    this.seenBodies = new Set(carried?.seenBodies);
    this.seenPlaidBodies = new Map(carried?.seenPlaidBodies);
    this.early = [...(carried?.earlyPlaidWebhooks ?? [])];
  }

  carry(): CarriedInbox {
    return {
      seenBodies: [...this.seenBodies],
      seenPlaidBodies: [...this.seenPlaidBodies],
      earlyPlaidWebhooks: this.early,
    };
  }

  takeAtomic({ job, bodySha256, ...hint }: AtomicWebhookSignal): void {
    const { facts } = this.link;
    if (facts.ending || !this.isNew(bodySha256)) return;
    if (facts.jobs[job]) this.link.apply({ type: 'webhook_came', job, hint });
    else log.info('webhook for a job that was not requested', { job });
  }

  takePlaid(signal: PlaidWebhookSignal): void {
    const { facts } = this.link;
    if (facts.ending || !this.isNewOfPlaid(signal.bodySha256)) return;
    if (facts.itemId !== undefined) {
      this.read(signal);
      return;
    }
    this.early.push(signal);
    if (this.early.length > EARLY_PLAID_WEBHOOKS) this.early.shift();
    // Of a caller's Item that needs a sign-in before its id is known: whichever it is, looking does no harm.
    if (facts.attention) this.link.apply({ type: 'look_wanted' });
  }

  /** Reads what came before the Item was known; it is now. */
  readEarly(): void {
    for (const signal of this.early.splice(0)) this.read(signal);
  }

  private read(signal: PlaidWebhookSignal): void {
    const { facts } = this.link;
    if (signal.itemId !== facts.itemId) {
      log.info('webhook for another Item');
      return;
    }
    switch (signal.kind) {
      case 'sign_in_required':
        this.link.apply({ type: 'look_wanted' });
        return;
      case 'sign_in_repaired':
        this.link.apply({ type: 'look_wanted', repairClaimed: true });
        return;
      case 'pending_disconnect':
      case 'pending_expiration': {
        const { kind: code, until } = signal;
        this.link.apply({ type: 'warning_heard', warning: { code, ...(until !== undefined && { until }) } });
        return;
      }
      case 'permission_revoked':
        this.link.apply({ type: 'permission_revoked' });
        return;
      case 'account_revoked':
        if (signal.accountId === facts.account?.accountId) this.link.apply({ type: 'account_revoked' });
        return;
      case 'history_ready':
        this.link.apply({ type: 'history_ready' });
        this.lookIfWaiting();
        return;
      case 'item_heard_of':
        this.lookIfWaiting();
        return;
    }
  }

  /** Whatever Plaid says of the Item, the user may have been there. */
  private lookIfWaiting(): void {
    if (this.link.facts.attention) this.link.apply({ type: 'look_wanted' });
  }

  /** A repair is confirmed: the same body may now tell of a new fault. */
  forgetPlaidBodies(): void {
    this.seenPlaidBodies.clear();
  }

  private isNewOfPlaid(sha256: string): boolean {
    const nowMs = Date.now();
    for (const [known, atMs] of this.seenPlaidBodies) {
      if (nowMs - atMs < PLAID_BODY_LIFE_MS && this.seenPlaidBodies.size <= SEEN_BODIES) break;
      this.seenPlaidBodies.delete(known);
    }
    if (this.seenPlaidBodies.has(sha256)) return false;
    this.seenPlaidBodies.set(sha256, nowMs);
    return true;
  }

  /** Whether this body is new; from then on it is known. */
  private isNew(sha256: string): boolean {
    if (this.seenBodies.has(sha256)) return false;
    this.seenBodies.add(sha256);
    for (const oldest of this.seenBodies) {
      if (this.seenBodies.size <= SEEN_BODIES) break;
      this.seenBodies.delete(oldest);
    }
    return true;
  }
}
