/** What a log may say of an error or of any other value. An allow-list: an Axios error, for one, carries credentials. */
import { isNativeError } from 'node:util/types';
import { isGrpcServiceError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { isFailureCode } from '../contract/failures';
import { SAFE_ERROR_NAMES, SafeError } from '../contract/safe-error';

export interface LoggedError {
  name: string;
  /** Only of errors whose messages are our own, and of Temporal's gRPC errors. */
  message?: string;
  type?: string;
  code?: string | number;
  /** Where it was thrown; the message that a stack begins with is left out. */
  stack?: string;
  cause?: LoggedError;
}

/** The SDK's own, by name since it does not export them all: calls, connections, shutdown, what a workflow waited for. */
const SDK_ERRORS =
  /^(ServiceError|TransportError|IllegalStateError|GracefulShutdownPeriodExpiredError|UnexpectedError|ActivityFailure|ChildWorkflowFailure|CancelledFailure|TimeoutFailure)$/;
/** What a workflow is handed of a failed step or child; the cause is the failure itself. */
const WRAPPERS = /^(ActivityFailure|ChildWorkflowFailure)$/;
const MAX_CAUSES = 3;
const MAX_FRAMES = 12;
const MAX_TEXT = 2_000;

/** What was made here, and is not to be cut down again: pino looks at a line's values twice. */
const done = new WeakSet<object>();

/** The allow-listed fields of an error and of its causes. */
export function loggedError(error: unknown, depth = 0): LoggedError {
  const logged = fieldsOf(error, depth);
  done.add(logged);
  return logged;
}

function fieldsOf(error: unknown, depth: number): LoggedError {
  if (!isError(error)) return { name: typeof error };
  const code: unknown = Reflect.get(error, 'code');
  const message = hasSafeMessage(error) ? error.message.slice(0, MAX_TEXT) : undefined;
  const frames = isClassified(error) ? undefined : framesOf(error.stack);
  return {
    name: String(error.name).slice(0, 100),
    ...(message !== undefined && { message }),
    ...(error instanceof ApplicationFailure && isFailureCode(error.type) && { type: error.type }),
    ...((typeof code === 'number' || isErrorCode(code)) && { code }),
    ...(frames !== undefined && { stack: frames }),
    ...(isError(error.cause) && depth < MAX_CAUSES && { cause: loggedError(error.cause, depth + 1) }),
  };
}

/**
 * A value as logs show it: errors by their allow-listed fields, texts cut to a length, nothing of other objects but
 * what they hold in the same way, three levels deep.
 */
export function loggable(value: unknown, depth = 0): unknown {
  if (isError(value)) return loggedError(value);
  if (typeof value === 'string') return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return typeof value === 'function' ? undefined : value;
  if (done.has(value)) return value;
  if (depth >= 3 || ArrayBuffer.isView(value)) return undefined;
  if ('toJSON' in value && typeof value.toJSON === 'function') return loggable(value.toJSON(), depth + 1);
  if (isErrorLike(value)) return loggedErrorLike(value);
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => loggable(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, loggable(item, depth + 1)]));
}

/** Errors of the workflow's isolate are of another realm, so `instanceof` alone misses them. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || isNativeError(value);
}

/** Whether an error's message is known to hold no secret. */
export function hasSafeMessage(error: Error): boolean {
  return (
    error instanceof SafeError ||
    (error instanceof ApplicationFailure && isFailureCode(error.type)) ||
    isGrpcServiceError(error) ||
    SDK_ERRORS.test(error.name)
  );
}

/** A failure that its code and words explain: all are thrown in the same place. A bug needs its stack. */
function isClassified(error: Error): boolean {
  if (error instanceof ApplicationFailure)
    return isFailureCode(error.type) && error.type !== 'internal_error';
  return WRAPPERS.test(error.name) && isError(error.cause) && isClassified(error.cause);
}

interface ErrorLike {
  name: string;
  message?: string;
  code?: unknown;
  stack?: unknown;
  cause?: unknown;
}

/** An error that was made into a plain object before it came here. */
function isErrorLike(value: object): value is ErrorLike {
  return hasName(value) && 'message' in value && typeof value.message === 'string';
}

/** All that is left of a cause whose message was dropped before: pino passes what it has formatted here once more. */
function hasName(value: unknown): value is { name: string } {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string';
}

function loggedErrorLike({ name, message, code, stack, cause }: ErrorLike, depth = 0): LoggedError {
  const frames = framesOf(stack);
  const isSafe = SAFE_ERROR_NAMES.includes(name) || SDK_ERRORS.test(name);
  return {
    name: name.slice(0, 100),
    ...(isSafe && message !== undefined && { message: message.slice(0, MAX_TEXT) }),
    ...((typeof code === 'number' || isErrorCode(code)) && { code }),
    ...(frames !== undefined && { stack: frames }),
    ...(hasName(cause) && depth < MAX_CAUSES && { cause: loggedErrorLike(cause, depth + 1) }),
  };
}

/** Node's `ECONNREFUSED`, Fastify's `FST_ERR_…`: words, unlike whatever else might be called a code. */
function isErrorCode(code: unknown): code is string {
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code);
}

function framesOf(stack: unknown): string | undefined {
  if (typeof stack !== 'string') return undefined;
  const frames = stack.split('\n').filter((line) => /^\s+at .*:\d+(:\d+)?\)?$/.test(line));
  return frames.length === 0 ? undefined : frames.slice(0, MAX_FRAMES).join('\n');
}
