import type { LinkSummary, LinkView } from '../../../src/contract/schemas';
import type { LinkGateway } from '../../../src/http/api/deps';

export type Method = keyof LinkGateway;

/** Stands in for LinkClient: answers as scripted, method by method, and remembers what it was asked. */
export class ScriptedLinks implements LinkGateway {
  readonly calls: { method: Method; args: unknown[] }[] = [];
  #script: Partial<LinkGateway> = {};

  /** Replaces the answers of the named methods. */
  script(answers: Partial<LinkGateway>): this {
    this.#script = { ...this.#script, ...answers };
    return this;
  }

  /** Makes every method fail the same way. */
  failWith(makeError: () => Error): this {
    const fail = async () => {
      throw makeError();
    };
    return this.script({
      start: fail,
      get: fail,
      hasOpenLink: fail,
      chooseAccount: fail,
      eraseUser: fail,
      list: fail,
      runJob: fail,
      waitForJob: fail,
      unlink: fail,
      createRepairLinkToken: fail,
      confirmRepair: fail,
      signalAtomicWebhook: fail,
      signalPlaidWebhook: fail,
      checkReachable: fail,
    });
  }

  callsOf(method: Method): unknown[][] {
    return this.calls.filter((call) => call.method === method).map((call) => call.args);
  }

  async start(...args: Parameters<LinkGateway['start']>) {
    this.#note('start', args);
    return this.#script.start?.(...args) ?? { link: linkView({ userId: args[0].userId }), created: true };
  }

  async get(...args: Parameters<LinkGateway['get']>) {
    this.#note('get', args);
    return this.#script.get?.(...args) ?? linkView({ userId: args[0] });
  }

  async hasOpenLink(...args: Parameters<LinkGateway['hasOpenLink']>) {
    this.#note('hasOpenLink', args);
    return this.#script.hasOpenLink?.(...args) ?? false;
  }

  async chooseAccount(...args: Parameters<LinkGateway['chooseAccount']>) {
    this.#note('chooseAccount', args);
    return this.#script.chooseAccount?.(...args) ?? linkView({ userId: args[0], accountId: args[1] });
  }

  async eraseUser(...args: Parameters<LinkGateway['eraseUser']>) {
    this.#note('eraseUser', args);
    return this.#script.eraseUser?.(...args) ?? { userId: args[0], erased: false };
  }

  async list(...args: Parameters<LinkGateway['list']>) {
    this.#note('list', args);
    return this.#script.list?.(...args) ?? { links: [linkSummary()] };
  }

  async runJob(...args: Parameters<LinkGateway['runJob']>) {
    this.#note('runJob', args);
    return this.#script.runJob?.(...args) ?? linkView({ userId: args[0] });
  }

  async waitForJob(...args: Parameters<LinkGateway['waitForJob']>) {
    this.#note('waitForJob', args);
    return this.#script.waitForJob?.(...args) ?? { job: args[1], state: 'pending' as const };
  }

  async unlink(...args: Parameters<LinkGateway['unlink']>) {
    this.#note('unlink', args);
    return this.#script.unlink?.(...args) ?? linkView({ userId: args[0], state: 'unlinking' });
  }

  async createRepairLinkToken(...args: Parameters<LinkGateway['createRepairLinkToken']>) {
    this.#note('createRepairLinkToken', args);
    return (
      this.#script.createRepairLinkToken?.(...args) ?? {
        linkToken: 'link-sandbox-update',
        expiration: '2030-01-01T00:30:00Z',
      }
    );
  }

  async confirmRepair(...args: Parameters<LinkGateway['confirmRepair']>) {
    this.#note('confirmRepair', args);
    return (
      this.#script.confirmRepair?.(...args) ?? { link: linkView({ userId: args[0] }), alreadyRepaired: false }
    );
  }

  async signalAtomicWebhook(...args: Parameters<LinkGateway['signalAtomicWebhook']>) {
    this.#note('signalAtomicWebhook', args);
    return this.#script.signalAtomicWebhook?.(...args) ?? ('delivered' as const);
  }

  async signalPlaidWebhook(...args: Parameters<LinkGateway['signalPlaidWebhook']>) {
    this.#note('signalPlaidWebhook', args);
    return this.#script.signalPlaidWebhook?.(...args) ?? ('delivered' as const);
  }

  async checkReachable() {
    this.#note('checkReachable', []);
    return this.#script.checkReachable?.();
  }

  #note(method: Method, args: unknown[]): void {
    this.calls.push({ method, args });
  }
}

export function linkView(fields: Partial<LinkView> = {}): LinkView {
  const userId = fields.userId ?? 'user-0001';
  return {
    userId,
    state: 'waiting',
    itemId: 'item-1',
    accountId: 'account-1',
    jobs: {
      'employer-classification': { state: 'registered', registeredAt: '2026-01-02T03:04:05.678Z' },
    },
    workflowId: `processor-link/${userId}`,
    runId: '0198c2a0-0000-7000-8000-000000000001',
    createdAt: '2026-01-02T03:04:00.000Z',
    updatedAt: '2026-01-02T03:04:06.000Z',
    ...fields,
  };
}

export function linkSummary(fields: Partial<LinkSummary> = {}): LinkSummary {
  const userId = fields.userId ?? 'user-0001';
  return {
    userId,
    state: 'waiting',
    stateSince: '2026-01-02T03:04:00.000Z',
    jobs: ['employer-classification'],
    itemId: 'item-1',
    workflowId: `processor-link/${userId}`,
    runId: '0198c2a0-0000-7000-8000-000000000001',
    createdAt: '2026-01-02T03:04:00.000Z',
    ...fields,
  };
}

/** An error as LinkClient throws it: recognised by its `code`, not by its class. */
export function linkClientError(code: string, message = `scripted ${code}`): Error {
  return Object.assign(new Error(message), { name: 'LinkClientError', code });
}
