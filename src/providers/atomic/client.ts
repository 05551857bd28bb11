import { type FailureClass, isPassing } from '../../contract/failures';
import { credentialHeader } from '../credential-header';
import { type Deadline, startDeadline } from '../deadline';
import { createCallHttp, type HttpAnswer } from '../http-call';
import { isRecord } from '../is-record';
import { noAnswer } from '../no-answer';
import { ProviderError } from '../provider-error';
import { providerRequestId, requestIdHeader } from '../request-id';
import { parseRetryAfterMs } from '../retry-after';
import type { Atomic, CallOptions } from '../types';
import { unwatched, type WatchRequest } from '../watch-requests';
import { type AtomicContractOverride, atomicContract, type UserPlace } from './contract';
import { resultOf } from './result';

export interface AtomicOptions {
  apiKey: string;
  apiSecret: string;
  /** One of `ATOMIC_BASE_URLS`, or any server that speaks as Atomic does. */
  baseUrl: string;
  contract?: AtomicContractOverride;
  /** Deadline of a call, all its requests and the reading of their answers included. */
  timeoutMs?: number;
  /** Deadline of name look-up, TCP and TLS together. */
  connectTimeoutMs?: number;
  /** Largest result as Atomic sends it. */
  resultMaxBytes?: number;
  /** Stands around each request. */
  watch?: WatchRequest;
}

/** Cap of answers whose content is not used, or hardly. */
const ANSWER_MAX_BYTES = 64 * 1024;

const REQUEST_ID = /^[A-Za-z0-9_.:-]{1,64}$/;

const LINK_PATH = '/plaid/processor-link';
const TOKEN_PATH = '/access-token';

/** Atomic's table of errors (docs.atomicfi.com/reference/api); what is not in it means what it does anywhere. */
function classOfStatus(status: number): FailureClass {
  if (status >= 500 || status === 408 || status === 425) return 'transient';
  if (status === 401 || status === 403) return 'configuration';
  if (status === 404) return 'not_found';
  if (status === 409) return 'conflict';
  return status === 429 ? 'rate_limited' : 'rejected';
}

interface AtomicRequest {
  method: 'GET' | 'POST' | 'DELETE';
  /** Path and query, ids included; never logged. */
  target: string;
  /** The path without ids, as errors name it. */
  path: string;
  body?: Record<string, string>;
  /** Stands for key and secret. */
  publicToken?: string;
  maxBytes?: number;
}

interface Answer extends HttpAnswer {
  operation: string;
}

type Send = (request: AtomicRequest) => Promise<Answer>;

/**
 * Atomic over HTTP. A call makes one attempt within `timeoutMs` and throws {@link ProviderError} alone,
 * classified by HTTP status; when the caller's signal aborts it, the signal's reason is thrown as it is.
 * Redirects are not followed: they would carry the credentials and a processor token elsewhere. Of the body of an
 * error nothing is kept, since it may quote the request; only whether it is JSON is looked at.
 */
export function createAtomic(settings: AtomicOptions): Atomic {
  const { timeoutMs = 15_000, resultMaxBytes = 1_024_000, watch = unwatched } = settings;
  const contract = atomicContract(settings.contract);
  const baseUrl = settings.baseUrl.replace(/\/+$/, '');
  const callHttp = createCallHttp(settings.connectTimeoutMs);
  const keyAndSecret = {
    'x-api-key': credentialHeader('Atomic API key', settings.apiKey),
    'x-api-secret': credentialHeader('Atomic API secret', settings.apiSecret),
  };

  /** Throws for everything but a 2xx; with `maxBytes`, whose body is within it. */
  async function send(
    operation: string,
    request: AtomicRequest,
    deadline: Deadline,
    options: CallOptions | undefined,
  ): Promise<Answer> {
    const { method, publicToken, maxBytes } = request;
    const body = request.body && JSON.stringify(request.body);
    let answer: Answer;
    try {
      const http = await callHttp({
        url: baseUrl + request.target,
        method,
        headers: {
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(publicToken === undefined ? keyAndSecret : { 'x-public-token': publicToken }),
          ...requestIdHeader(options),
        },
        ...(body !== undefined && { body }),
        maxBytes: maxBytes ?? ANSWER_MAX_BYTES,
        signal: deadline.signal,
      });
      // A refusal whose body breaks off is a refusal all the same.
      if (http.status < 400 && http.brokenOff !== undefined) throw http.brokenOff;
      answer = { ...http, operation };
    } catch (error) {
      throw noAnswer({ provider: 'atomic', operation }, deadline, error);
    }
    if (answer.status < 200 || answer.status > 299) {
      // What the caller gave up on is not Atomic's refusal.
      if (deadline.cutShortBy() === 'caller') throw deadline.signal.reason;
      throw refused(answer);
    }
    if (answer.bytes === undefined && maxBytes !== undefined) throw unusable(answer, 'too_large');
    return answer;
  }

  async function call<T>(options: CallOptions | undefined, run: (send: Send) => Promise<T>): Promise<T> {
    const deadline = startDeadline(timeoutMs, options?.signal);
    try {
      return await run((request) => {
        const operation = `${request.method} ${request.path}`;
        return watch({ provider: 'atomic', operation }, () => send(operation, request, deadline, options));
      });
    } finally {
      deadline.end();
    }
  }

  /** Makes the user where there is none; gives a token that names the user. */
  async function createPublicToken(sendNow: Send, userId: string): Promise<string> {
    const answer = await sendNow({
      method: 'POST',
      target: TOKEN_PATH,
      path: TOKEN_PATH,
      body: { identifier: userId },
      maxBytes: ANSWER_MAX_BYTES,
    });
    const token = publicTokenOf(answer.bytes);
    if (token === undefined) throw unusable(answer, 'transient');
    return token;
  }

  /** The request with the user named where the contract says. `{identifier}` in the path stands for the user. */
  async function naming(
    userId: string,
    place: UserPlace,
    request: { method: 'GET' | 'DELETE'; path: string; maxBytes?: number },
    sendNow: Send,
  ): Promise<AtomicRequest> {
    const { path } = request;
    const id = encodeURIComponent(userId);
    switch (place) {
      case 'body':
        return { ...request, target: path, body: { [contract.userField]: userId } };
      case 'query': {
        const separator = path.includes('?') ? '&' : '?';
        return { ...request, target: `${path}${separator}${encodeURIComponent(contract.userField)}=${id}` };
      }
      case 'path':
        return { ...request, target: path.replaceAll('{identifier}', () => id) };
      case 'public_token':
        return { ...request, target: path, publicToken: await createPublicToken(sendNow, userId) };
    }
  }

  return {
    registerProcessorLink: ({ userId, processorToken, job }, options) =>
      call(options, async (sendNow) => {
        const body = { [contract.userField]: userId, [contract.tokenField]: processorToken, job };
        const register = async () =>
          acknowledged(await sendNow({ method: 'POST', target: LINK_PATH, path: LINK_PATH, body }));
        try {
          await register();
        } catch (error) {
          if (!isNotFound(error)) throw error;
          // The answer holds tokens for Atomic's client SDKs; they are not wanted and not kept.
          await sendNow({
            method: 'POST',
            target: TOKEN_PATH,
            path: TOKEN_PATH,
            body: { identifier: userId },
          });
          await register();
        }
      }),

    removeProcessorLink: ({ userId }, options) =>
      call(options, async (sendNow) => {
        const place = contract.deleteUserIn;
        const path = place === 'path' ? `${LINK_PATH}/{identifier}` : LINK_PATH;
        const request = await naming(userId, place, { method: 'DELETE', path }, sendNow);
        try {
          acknowledged(await sendNow(request));
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }),

    fetchJobResult: ({ userId, job }, options) =>
      call(options, async (sendNow) => {
        const get = { method: 'GET', path: contract.resultPaths[job], maxBytes: resultMaxBytes } as const;
        const request = await naming(userId, contract.resultsUserIn, get, sendNow);
        let answer: Answer;
        try {
          answer = await sendNow(request);
        } catch (error) {
          if (isNotFound(error)) return { kind: 'none' };
          throw error;
        }
        if (answer.status === 202 || answer.status === 204) return { kind: 'none' };
        const result = resultOf(answer.bytes ?? new Uint8Array());
        if (!result) throw unusable(answer, 'transient');
        return result;
      }),
  };
}

/** Atomic itself says that there is no such thing; a gateway's 404 says nothing of Atomic. */
function isNotFound(error: unknown): boolean {
  if (!(error instanceof ProviderError)) return false;
  return error.failure.failureClass === 'not_found' && error.failure.foreign === undefined;
}

function refused({ operation, status, headers, bytes }: Answer): ProviderError {
  const failureClass = classOfStatus(status);
  const isJson = /json/i.test(headers['content-type'] ?? 'json') && parsed(bytes) !== undefined;
  // Atomic does not redirect either.
  const foreign = !isPassing(failureClass) && (status < 400 || !isJson);
  const retryAfterMs =
    status === 429 || status === 503 ? parseRetryAfterMs(headers['retry-after'], Date.now()) : undefined;
  return new ProviderError({
    provider: 'atomic',
    operation,
    failureClass,
    code: `HTTP_${status}`,
    status,
    ...providerRequestId(headers['x-request-id'], REQUEST_ID),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ambiguous: failureClass === 'transient' || foreign,
    ...(foreign && { foreign }),
  });
}

/** A 2xx whose body cannot be used: the call may well have taken effect. */
function unusable(
  { operation, status, headers }: Answer,
  failureClass: 'too_large' | 'transient',
): ProviderError {
  return new ProviderError({
    provider: 'atomic',
    operation,
    failureClass,
    code: failureClass === 'too_large' ? 'TOO_LARGE' : 'NOT_JSON',
    status,
    ...providerRequestId(headers['x-request-id'], REQUEST_ID),
    ambiguous: true,
  });
}

/** Any 2xx will do and nothing depends on its content, but a gateway's page did not come from Atomic. */
function acknowledged(answer: Answer): void {
  if (/html/i.test(answer.headers['content-type'] ?? '')) throw unusable(answer, 'transient');
}

/** An object or a list; undefined for anything else, JSON or not. */
function parsed(bytes: Uint8Array | undefined): object | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes ?? []).toString());
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function publicTokenOf(bytes: Uint8Array | undefined): string | undefined {
  const body = parsed(bytes);
  const data = isRecord(body) && isRecord(body.data) ? body.data : body;
  const token = isRecord(data) ? data.publicToken : undefined;
  return typeof token === 'string' && /^[\x21-\x7e]+$/.test(token) ? token : undefined;
}
