import type { LinkSummary, LinkView } from '../../../src/contract/schemas';
import type { LinkGateway } from '../../../src/http/api/deps';

type Method = keyof LinkGateway;

const ANSWERS: LinkGateway = {
  start: async ({ userId }) => ({ link: linkView({ userId }), created: true }),
  get: async (userId) => linkView({ userId }),
  hasOpenLink: async () => false,
  list: async () => ({ links: [linkSummary()] }),
  runJob: async (userId) => linkView({ userId }),
  waitForJob: async (_, job) => ({ job, state: 'pending' }),
  unlink: async (userId) => linkView({ userId, state: 'unlinking' }),
  eraseUser: async (userId) => ({ userId, erased: false }),
  createRepairLinkToken: async () => ({
    linkToken: 'link-sandbox-update',
    expiration: '2030-01-01T00:30:00Z',
  }),
  chooseAccount: async (userId, accountId) => linkView({ userId, accountId }),
  confirmRepair: async (userId) => ({ link: linkView({ userId }), alreadyRepaired: false }),
  signalAtomicWebhook: async () => 'delivered',
  signalPlaidWebhook: async () => 'delivered',
  checkReachable: async () => undefined,
};

/** Stands in for LinkClient: answers as scripted, method by method, and remembers what it was asked. */
export class ScriptedLinks {
  readonly calls: { method: Method; args: unknown[] }[] = [];
  readonly gateway: LinkGateway = new Proxy(ANSWERS, {
    get:
      (answers, method: Method) =>
      (...args: unknown[]) => {
        this.calls.push({ method, args });
        return Reflect.apply(this.#script[method] ?? answers[method], undefined, args);
      },
  });
  #script: Partial<LinkGateway> = {};

  /** Replaces the answers of the named methods. */
  script(answers: Partial<LinkGateway>): void {
    this.#script = { ...this.#script, ...answers };
  }

  /** Makes every method fail the same way. */
  failWith(makeError: () => Error): void {
    const fail = async () => {
      throw makeError();
    };
    this.script(Object.fromEntries(Object.keys(ANSWERS).map((method) => [method, fail])));
  }

  callsOf(method: Method): unknown[][] {
    return this.calls.filter((call) => call.method === method).map((call) => call.args);
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
