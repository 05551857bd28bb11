import type { FailureClass } from '../contract/failures';
import { SafeError } from '../contract/safe-error';

export interface ProviderFailure {
  provider: 'plaid' | 'atomic';
  /** The call that failed, as method and path without ids: `POST /accounts/get`. */
  operation: string;
  failureClass: FailureClass;
  /** Plaid's `error_code`, or `HTTP_<status>`, `TIMEOUT`, `CONNECTION`, `NOT_JSON`, `UNEXPECTED_BODY`, `TOO_LARGE`. */
  code: string;
  status?: number;
  /** The provider's own request id, safe to log. */
  requestId?: string;
  /** From `Retry-After`. */
  retryAfterMs?: number;
  /** No definite answer came, so the call may have taken effect at the provider. */
  ambiguous: boolean;
  /** A refusal in words that are not the provider's: most likely the page of a gateway on the way. */
  foreign?: true;
}

/**
 * The only error a provider client throws. It is built from allow-listed fields: no header, token, request or
 * response body is in it, so it can be logged and recorded in a history as it is.
 */
export class ProviderError extends SafeError {
  readonly failure: Readonly<ProviderFailure>;

  constructor(failure: ProviderFailure) {
    const request = failure.requestId === undefined ? '' : ` (request ${failure.requestId})`;
    super(`${failure.provider} ${failure.operation}: ${failure.code}${request}`);
    this.name = 'ProviderError';
    this.failure = failure;
  }
}
