import { ProviderError, type ProviderFailure } from '../providers/provider-error';
import type { WatchRequest } from '../providers/watch-requests';

type Provider = ProviderFailure['provider'];

/** A step that waits for an operator is tried again every 10 minutes at the latest, by this worker or by another. */
const STANDS_FOR_MS = 15 * 60_000;

/** What Plaid and Atomic answer to keys that they do not know, or not for this environment. */
const REFUSALS: Readonly<Record<Provider, readonly string[]>> = {
  plaid: ['INVALID_API_KEYS', 'UNAUTHORIZED_ENVIRONMENT'],
  atomic: ['HTTP_401', 'HTTP_403'],
};

/** Answers of these classes may come from before the keys were looked at. */
const SAYS_NOTHING: readonly string[] = ['transient', 'rate_limited'];

/** Which providers refuse the keys of this process, by what they last said of them. */
export class KeyRefusals {
  readonly #refused = new Map<Provider, { code: string; atMs: number }>();

  /** A provider that refuses the keys, with its code; undefined while none is known to. */
  get standing(): { provider: Provider; code: string } | undefined {
    for (const [provider, { code, atMs }] of this.#refused) {
      if (performance.now() - atMs < STANDS_FOR_MS) return { provider, code };
    }
    return undefined;
  }

  readonly watch: WatchRequest = async ({ provider }, send) => {
    try {
      const answer = await send();
      this.#refused.delete(provider);
      return answer;
    } catch (error) {
      if (error instanceof ProviderError) this.#note(error.failure);
      throw error;
    }
  };

  #note({ provider, code, failureClass, foreign }: ProviderFailure): void {
    if (foreign) return;
    if (REFUSALS[provider].includes(code)) this.#refused.set(provider, { code, atMs: performance.now() });
    else if (!SAYS_NOTHING.includes(failureClass)) this.#refused.delete(provider);
  }
}
