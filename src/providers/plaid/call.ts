import { isPassing } from '../../contract/failures';
import { startDeadline } from '../deadline';
import { isRecord } from '../is-record';
import { noAnswer } from '../no-answer';
import { ProviderError } from '../provider-error';
import { providerRequestId, requestIdHeader } from '../request-id';
import { parseRetryAfterMs } from '../retry-after';
import type { CallOptions } from '../types';
import { unwatched, type WatchRequest } from '../watch-requests';
import { type Body, safeErrorCode, textOf } from './answers';
import { classifyPlaidError } from './error-class';
import { AnswerTooLarge } from './over-http';

/** Documented as 15 letters and digits. A token would have hyphens in it, so none can pass for one. */
const REQUEST_ID = /^[A-Za-z0-9]{1,20}$/;

interface Answer {
  status: number;
  headers: unknown;
  data: unknown;
}

interface SendOptions {
  signal: AbortSignal;
  headers: Record<string, string>;
}

/** Sends one request to an endpoint of Plaid and reads its answer; `read` gives undefined for a body that is not as documented. */
type Call = <T>(
  path: string,
  options: CallOptions | undefined,
  send: (sendOptions: SendOptions) => Promise<Answer>,
  read: (body: Body) => T | undefined,
) => Promise<T>;

/** One attempt per call, within `timeoutMs`. Throws {@link ProviderError} alone, or the reason of the caller's signal. */
export function plaidCalls({
  timeoutMs = 15_000,
  watch = unwatched,
}: {
  timeoutMs?: number;
  watch?: WatchRequest;
}): Call {
  return (path, options, send, read) => {
    const operation = `POST ${path}`;
    return watch({ provider: 'plaid', operation }, async () => {
      const deadline = startDeadline(timeoutMs, options?.signal);
      let answer: Answer;
      try {
        answer = await send({ signal: deadline.signal, headers: requestIdHeader(options) });
      } catch (error) {
        throw error instanceof AnswerTooLarge
          ? unreadable(operation, 'TOO_LARGE', undefined, undefined)
          : noAnswer({ provider: 'plaid', operation }, deadline, error);
      } finally {
        deadline.end();
      }
      const { status, headers, data } = answer;
      if (status < 200 || status > 299) throw refused(operation, status, headers, data);
      if (!isRecord(data)) throw unreadable(operation, 'NOT_JSON', status, undefined);
      const value = read(data);
      if (value === undefined) throw unreadable(operation, 'UNEXPECTED_BODY', status, data.request_id);
      return value;
    });
  };
}

/** An answer other than 2xx, Plaid's error object or a gateway's page, cut down to what is safe to keep. */
function refused(operation: string, status: number, headers: unknown, data: unknown): ProviderError {
  const body = isRecord(data) ? data : {};
  const errorCode = safeErrorCode(body.error_code);
  const errorType = textOf(body.error_type);
  const retryAfter = isRecord(headers) ? textOf(headers['retry-after']) : undefined;
  const retryAfterMs =
    status === 429 || status === 503 ? parseRetryAfterMs(retryAfter, Date.now()) : undefined;
  const failureClass = classifyPlaidError({ status, errorCode, errorType, operation });
  const foreign = !isPassing(failureClass) && errorCode === undefined && errorType === undefined;
  return new ProviderError({
    provider: 'plaid',
    operation,
    failureClass,
    code: errorCode ?? `HTTP_${status}`,
    status,
    ...providerRequestId(body.request_id, REQUEST_ID),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ambiguous: status >= 500 || status === 408 || status === 425 || foreign,
    ...(foreign && { foreign }),
  });
}

/** An answer that is no proper one: the call may well have taken effect, and asking again may tell. */
function unreadable(
  operation: string,
  code: 'NOT_JSON' | 'UNEXPECTED_BODY' | 'TOO_LARGE',
  status: number | undefined,
  requestId: unknown,
): ProviderError {
  return new ProviderError({
    provider: 'plaid',
    operation,
    failureClass: 'transient',
    code,
    ...(status !== undefined && { status }),
    ...providerRequestId(requestId, REQUEST_ID),
    ambiguous: true,
  });
}
