import { type WorkflowClient, WorkflowNotFoundError } from '@temporalio/client';
import { SIGNALS, workflowIdOf } from '../contract/names';
import type { AtomicWebhookSignal, PlaidWebhookSignal } from '../contract/workflow';
import type { CallDeadline } from './call-deadline';
import { KeyedLimit } from './keyed-limit';
import { TakenBodies } from './taken-bodies';

/** To one link. Temporal fails the workflow task of a link that is sent more than it can buffer meanwhile. */
const SIGNALS_AT_ONCE = 4;
/** Of Atomic's, each tells of an event of its own. */
const ATOMIC_BODIES_PER_USER = 20;
/** Of Plaid's, the same body can tell of a new fault once another webhook has come. */
const PLAID_BODIES_PER_USER = 1;

type Delivery = 'delivered' | 'no_open_link';

/** Hands webhooks to links as signals: a few at once to each link, and no copy of one that was taken a moment ago. */
export class WebhookSignals {
  readonly #client: WorkflowClient;
  readonly #signals = new KeyedLimit(SIGNALS_AT_ONCE);
  readonly #atomicBodies = new TakenBodies({ bodiesPerUser: ATOMIC_BODIES_PER_USER });
  readonly #plaidBodies = new TakenBodies({ bodiesPerUser: PLAID_BODIES_PER_USER });

  constructor(client: WorkflowClient) {
    this.#client = client;
  }

  ofAtomic(userId: string, signal: AtomicWebhookSignal, deadline: CallDeadline): Promise<Delivery> {
    return this.#deliver(userId, SIGNALS.atomicWebhook, signal, this.#atomicBodies, deadline);
  }

  ofPlaid(userId: string, signal: PlaidWebhookSignal, deadline: CallDeadline): Promise<Delivery> {
    return this.#deliver(userId, SIGNALS.plaidWebhook, signal, this.#plaidBodies, deadline);
  }

  /** The link has been changed: a webhook may now mean something new in the same words. */
  forget(userId: string): void {
    this.#atomicBodies.forget(userId);
    this.#plaidBodies.forget(userId);
  }

  async #deliver(
    userId: string,
    name: string,
    signal: AtomicWebhookSignal | PlaidWebhookSignal,
    taken: TakenBodies,
    deadline: CallDeadline,
  ): Promise<Delivery> {
    const { bodySha256 } = signal;
    const handle = this.#client.getHandle(workflowIdOf(userId));
    const send = async () => {
      if (taken.has(userId, bodySha256)) return;
      await deadline.call(() => handle.signal<[object]>(name, signal));
      taken.add(userId, bodySha256);
    };
    try {
      await deadline.call(() => this.#signals.run(userId, send));
      return 'delivered';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'no_open_link';
      throw error;
    }
  }
}
