/** What has to be true of Plaid and Atomic: keys, products and set-up, proved by calls that leave nothing behind. */

import { ProviderError } from '../../providers/provider-error';
import type { Atomic, Plaid } from '../../providers/types';
import { type Check, check, fine, type Verdict, wrong } from './check';
import { isSandbox } from './sandbox';

/** The user of the doctor's calls; no caller's. */
export const DOCTOR_USER = 'processor-link-doctor';

const TIMEOUT_MS = 4_500;
const PLAID_KEYS = 'Set PLAID_CLIENT_ID, PLAID_SECRET and PLAID_ENV right, and restart API and workers.';
const ATOMIC_KEYS = 'Set ATOMIC_API_KEY, ATOMIC_API_SECRET and ATOMIC_ENV right, and restart the workers.';

/** One Link token, which ends by itself, proves the keys and the product. */
export async function checkPlaid(plaid: Plaid, webhookUrl: string): Promise<Check[]> {
  const asked = plaid.createLinkToken({ userId: DOCTOR_USER, webhookUrl });
  const failure = asked.then(
    () => undefined,
    (error: unknown) => error,
  );
  const keys = async (): Promise<Verdict> => {
    const error = await failure;
    if (error === undefined) return fine('Plaid takes the keys.');
    if (!(error instanceof ProviderError)) throw error;
    const { code, status } = error.failure;
    if (code === 'INVALID_API_KEYS' || code === 'INVALID_CLIENT_ID' || code === 'UNAUTHORIZED_ENVIRONMENT') {
      return wrong(`Plaid refuses the keys: ${code}.`, PLAID_KEYS);
    }
    // Whoever judges the request has taken the keys.
    return status !== undefined && status < 500 && status !== 429
      ? fine('Plaid takes the keys.')
      : wrong(`Plaid does not answer as it should: ${code}.`, 'See status.plaid.com and try again.');
  };
  const product = async (): Promise<Verdict> => {
    const error = await failure;
    if (error === undefined) return fine('Plaid makes Link tokens for transactions.');
    if (!(error instanceof ProviderError)) throw error;
    return wrong(
      `Plaid makes no Link token for transactions: ${error.failure.code}.`,
      "Have the product Transactions enabled in Plaid's dashboard; see also plaid-keys.",
    );
  };
  return Promise.all([
    check('plaid-keys', keys, { timeoutMs: TIMEOUT_MS, fix: PLAID_KEYS }),
    check('plaid-transactions', product, { timeoutMs: TIMEOUT_MS, fix: PLAID_KEYS }),
  ]);
}

/** In the Sandbox, by an Item of its own that is removed again; elsewhere there is no Item to prove it by. */
export async function checkAtomicfi(
  plaid: Plaid,
  {
    baseUrl,
    webhookUrl,
    hasArrived,
  }: { baseUrl: string; webhookUrl: string; hasArrived: () => Promise<boolean | undefined> },
): Promise<Check[]> {
  const enable =
    "Enable the integration Atomic for this client in Plaid's dashboard (Developers, Integrations).";
  const reach =
    'Make PUBLIC_URL reachable from outside; Plaid sends webhooks to <PUBLIC_URL>/webhooks/plaid.';
  if (!isSandbox(baseUrl)) {
    const message = 'Not proved: outside of the Sandbox it takes an Item of a user.';
    return [
      { name: 'plaid-atomicfi', ...fine(message) },
      { name: 'plaid-webhooks', ...fine(message) },
    ];
  }
  const item = plaid
    .createSandboxPublicToken({ webhookUrl })
    .then(({ publicToken }) => plaid.exchangePublicToken({ publicToken }));
  item.catch(() => undefined);
  /** What a call with the Item of the Sandbox proves; a refusal is told in words, and what to do about it. */
  const withItem = async (
    call: (accessToken: string) => Promise<Verdict>,
    refusal: { words: string; fix: string },
  ): Promise<Verdict> => {
    let accessToken: string;
    try {
      ({ accessToken } = await item);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return wrong(
        `No Item could be made in the Sandbox: ${error.failure.code}.`,
        'See plaid-keys and plaid-transactions.',
      );
    }
    try {
      return await call(accessToken);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return wrong(`${refusal.words}: ${error.failure.code}.`, refusal.fix);
    }
  };

  const processor = () =>
    withItem(
      async (accessToken) => {
        const { accounts } = await plaid.getAccounts({ accessToken });
        const account = accounts.find(({ type }) => type === 'depository');
        if (!account) return wrong('The Item of the Sandbox has no account.', 'Try again.');
        await plaid.createProcessorToken({ accessToken, accountId: account.accountId });
        return fine('Plaid makes processor tokens for Atomic.');
      },
      { words: 'Plaid makes no processor token for Atomic', fix: enable },
    );
  const webhooks = () =>
    withItem(
      async (accessToken) => {
        await plaid.fireSandboxWebhook({ accessToken });
        const arrived = await hasArrived();
        if (arrived === undefined)
          return fine('Plaid has fired a webhook; whether it came cannot be seen from here.');
        return arrived
          ? fine("Plaid's webhook came, with its signature.")
          : wrong("Plaid's webhook did not come.", reach);
      },
      { words: 'Plaid fires no webhook', fix: reach },
    );
  const made = await Promise.all([
    check('plaid-atomicfi', processor, { timeoutMs: TIMEOUT_MS, fix: enable }),
    check('plaid-webhooks', webhooks, { timeoutMs: TIMEOUT_MS, fix: reach }),
  ]);
  // Nothing is left behind, whatever came of it.
  await item.then(({ accessToken }) => plaid.removeItem({ accessToken })).catch(() => undefined);
  return made;
}

/** A result of a user that Atomic does not know: 404 proves the keys. */
export function checkAtomic(atomic: Atomic): Promise<Check> {
  const look = async (): Promise<Verdict> => {
    try {
      await atomic.fetchJobResult({ userId: DOCTOR_USER, job: 'employer-classification' });
      return fine('Atomic takes the keys.');
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      const { failureClass, code } = error.failure;
      if (failureClass === 'configuration') return wrong(`Atomic refuses the keys: ${code}.`, ATOMIC_KEYS);
      if (failureClass === 'not_found' || failureClass === 'rejected') return fine('Atomic takes the keys.');
      return wrong(`Atomic does not answer as it should: ${code}.`, 'See what Atomic says, and try again.');
    }
  };
  return check('atomic-keys', look, { timeoutMs: TIMEOUT_MS, fix: ATOMIC_KEYS });
}
