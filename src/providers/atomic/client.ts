import { createHash } from 'node:crypto';
import type { FailureClass } from '../../contract/failures';
import { readCapped } from '../capped-body';
import { credentialHeader } from '../credential-header';
import { type Deadline, startDeadline } from '../deadline';
import { isRecord } from '../is-record';
import { noAnswer } from '../no-answer';
import { ProviderError } from '../provider-error';
import { providerRequestId, requestIdHeader } from '../request-id';
import { parseRetryAfterMs } from '../retry-after';
import type { Atomic, AtomicResult, CallOptions } from '../types';
import { type AtomicContractOverride, atomicContract } from './contract';

export interface AtomicSettings {
  apiKey: string;
  apiSecret: string;
  /** One of `ATOMIC_BASE_URLS`, or any server that speaks as Atomic does. */
  baseUrl: string;
  contract?: AtomicContractOverride;
  /** Deadline of a call, all its requests and the reading of their answers included. */
  timeoutMs?: number;
  /** Largest result as Atomic sends it. */
  resultMaxBytes?: number;
}

/** Cap of answers whose content is not used. */
const ANSWER_MAX_BYTES = 64 * 1024;

/**
 * Cap of a result written as JSON again: it can be several times longer than it came (`1e20` becomes 21 digits),
 * and Temporal takes no payload over 2 MB. The rest is left for what is stored around it.
 */
const PAYLOAD_MAX_BYTES = 1_900_000;

const REQUEST_ID = /^[A-Za-z0-9_.:-]{1,64}$/;

/** Atomic's table of errors (docs.atomicfi.com/reference/api); 403 and 429 are not in it and mean what they do anywhere. */
function classOfStatus(status: number): FailureClass {
  if (status >= 500) return 'transient';
  if (status === 401 || status === 403) return 'configuration';
  if (status === 404) return 'not_found';
  return status === 429 ? 'rate_limited' : 'rejected';
}

interface AtomicRequest {
  method: 'GET' | 'POST' | 'DELETE';
  /** Path and query, ids included; never logged. */
  target: string;
  /** The path without ids, as errors name it. */
  path: string;
  body?: Record<string, string>;
  maxBytes?: number;
}

interface Answer {
  operation: string;
  response: Response;
  bytes: Uint8Array;
}

/**
 * Atomic over fetch. A call makes one attempt within `timeoutMs` and throws {@link ProviderError} alone,
 * classified by HTTP status; when the caller's signal aborts it, the signal's reason is thrown as it is.
 * Redirects are not followed: they would carry the credentials and a processor token elsewhere. The body of an
 * error is never read, since it may quote the request.
 */
export function createAtomic(settings: AtomicSettings): Atomic {
  const { timeoutMs = 15_000, resultMaxBytes = 1_024_000 } = settings;
  const contract = atomicContract(settings.contract);
  const baseUrl = settings.baseUrl.replace(/\/+$/, '');
  const credentials = {
    'x-api-key': credentialHeader('Atomic API key', settings.apiKey),
    'x-api-secret': credentialHeader('Atomic API secret', settings.apiSecret),
  };

  /** Throws for everything but a 2xx; with `maxBytes`, whose body is within it. */
  async function send(
    request: AtomicRequest,
    deadline: Deadline,
    options: CallOptions | undefined,
  ): Promise<Answer> {
    const operation = `${request.method} ${request.path}`;
    try {
      const response = await fetch(baseUrl + request.target, {
        method: request.method,
        headers: {
          accept: 'application/json',
          ...(request.body && { 'content-type': 'application/json' }),
          ...credentials,
          ...requestIdHeader(options),
        },
        ...(request.body && { body: JSON.stringify(request.body) }),
        redirect: 'manual',
        signal: deadline.signal,
      });
      if (!response.ok) {
        // Only the status counts, so a connection that breaks from here on changes nothing.
        response.body?.cancel().catch(() => undefined);
        throw refused(operation, response);
      }
      const answer = { operation, response, bytes: new Uint8Array() };
      const { maxBytes } = request;
      const body = await readCapped(response, maxBytes ?? ANSWER_MAX_BYTES);
      if (body.kind === 'whole') return { ...answer, bytes: body.bytes };
      if (maxBytes !== undefined) throw unusable(answer, 'too_large');
      return answer;
    } catch (error) {
      if (error instanceof ProviderError) throw error;
      throw noAnswer({ provider: 'atomic', operation }, deadline, error);
    }
  }

  async function call<T>(
    options: CallOptions | undefined,
    run: (sendNow: (request: AtomicRequest) => Promise<Answer>) => Promise<T>,
  ): Promise<T> {
    const deadline = startDeadline(timeoutMs, options?.signal);
    try {
      return await run((request) => send(request, deadline, options));
    } finally {
      deadline.end();
    }
  }

  return {
    registerProcessorLink: ({ userId, processorToken, job }, options) =>
      call(options, async (sendNow) => {
        const register = async () => {
          const path = '/plaid/processor-link';
          const body = {
            [contract.userField]: userId,
            [contract.tokenField]: processorToken,
            job,
          };
          acknowledged(await sendNow({ method: 'POST', target: path, path, body }));
        };
        try {
          await register();
        } catch (error) {
          if (!isNotFound(error)) throw error;
          const path = '/access-token';
          // The answer holds an access token for Atomic's client SDKs; it is not wanted and not kept.
          await sendNow({ method: 'POST', target: path, path, body: { identifier: userId } });
          await register();
        }
      }),

    removeProcessorLink: ({ userId }, options) =>
      call(options, async (sendNow) => {
        const path = '/plaid/processor-link';
        const id = encodeURIComponent(userId);
        const request: Record<typeof contract.deleteUserIn, AtomicRequest> = {
          body: { method: 'DELETE', path, target: path, body: { [contract.userField]: userId } },
          query: {
            method: 'DELETE',
            path,
            target: `${path}?${encodeURIComponent(contract.userField)}=${id}`,
          },
          path: { method: 'DELETE', path: `${path}/{identifier}`, target: `${path}/${id}` },
        };
        try {
          acknowledged(await sendNow(request[contract.deleteUserIn]));
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }),

    fetchJobResult: ({ userId, job }, options) =>
      call(options, async (sendNow) => {
        const path = contract.resultPaths[job];
        const target = path.replaceAll('{identifier}', () => encodeURIComponent(userId));
        try {
          return resultOf(await sendNow({ method: 'GET', target, path, maxBytes: resultMaxBytes }));
        } catch (error) {
          if (isNotFound(error)) return { kind: 'none' };
          throw error;
        }
      }),
  };
}

function isNotFound(error: unknown): boolean {
  return error instanceof ProviderError && error.failure.failureClass === 'not_found';
}

function refused(operation: string, { status, headers }: Response): ProviderError {
  const retryAfterMs =
    status === 429 || status === 503 ? parseRetryAfterMs(headers.get('retry-after'), Date.now()) : undefined;
  return new ProviderError({
    provider: 'atomic',
    operation,
    failureClass: classOfStatus(status),
    code: `HTTP_${status}`,
    status,
    ...providerRequestId(headers.get('x-request-id'), REQUEST_ID),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ambiguous: status >= 500,
  });
}

/** A 2xx whose body cannot be used: the call may well have taken effect. */
function unusable({ operation, response }: Answer, failureClass: 'too_large' | 'transient'): ProviderError {
  return new ProviderError({
    provider: 'atomic',
    operation,
    failureClass,
    code: failureClass === 'too_large' ? 'TOO_LARGE' : 'NOT_JSON',
    status: response.status,
    ...providerRequestId(response.headers.get('x-request-id'), REQUEST_ID),
    ambiguous: true,
  });
}

/** Any 2xx will do and nothing depends on its content, but a gateway's page did not come from Atomic. */
function acknowledged(answer: Answer): void {
  if (/html/i.test(answer.response.headers.get('content-type') ?? '')) throw unusable(answer, 'transient');
}

function resultOf(answer: Answer): AtomicResult {
  const body = parseJson(answer);
  const result = isRecord(body) && Object.hasOwn(body, 'data') ? body.data : body;
  if (jsonBytes(result) > PAYLOAD_MAX_BYTES) throw unusable(answer, 'too_large');
  return {
    kind: 'found',
    result,
    empty: result === null || (Array.isArray(result) && result.length === 0),
    sha256: createHash('sha256').update(answer.bytes).digest('hex'),
  };
}

function parseJson(answer: Answer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(answer.bytes));
  } catch {
    // The parser's own error quotes the text.
    throw unusable(answer, 'transient');
  }
}

/** Infinite for what is nested too deeply to be written again, which no payload could carry either. */
function jsonBytes(value: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
