import {
  isGrpcServiceError,
  QueryNotRegisteredError,
  ServiceError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure, NamespaceNotFoundError } from '@temporalio/common';
import { isProblemCode, PROBLEMS, type ProblemCode } from '../contract/failures';
import { SafeError } from '../contract/safe-error';
import { DecryptionError } from '../encryption/authenticated-encryption';
import { UnknownKeyError } from '../encryption/key-ring';
import { PayloadRefusedError } from '../encryption/payload-codec';
import { GRPC_STATUS } from '../temporal/grpc-status';

/**
 * The only error that LinkClient throws, an aborted wait aside. `code` says what happened, as in the HTTP API; `message` is fit for
 * a caller; `cause` is for the log of this process and stays inside it.
 */
export class LinkClientError extends SafeError {
  readonly code: ProblemCode;
  /** When to try again, where that helps. */
  readonly retryAfterMs?: number;

  constructor(
    code: ProblemCode,
    message: string = PROBLEMS[code].message,
    { cause }: { cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LinkClientError';
    this.code = code;
    const { retryAfterSeconds } = PROBLEMS[code];
    if (retryAfterSeconds !== undefined) this.retryAfterMs = retryAfterSeconds * 1000;
  }
}

export function temporalUnavailable(cause?: unknown): LinkClientError {
  return new LinkClientError('temporal_unavailable', 'Temporal or its worker did not answer in time.', {
    cause,
  });
}

/** What a failed Temporal call means to a caller. Takes anything that was thrown. */
export function toLinkClientError(error: unknown): LinkClientError {
  if (error instanceof LinkClientError) return error;
  if (error instanceof WorkflowUpdateFailedError) return ofUpdateFailure(error);
  if (
    error instanceof UnknownKeyError ||
    error instanceof PayloadRefusedError ||
    error instanceof DecryptionError
  ) {
    const message = 'What Temporal holds does not decrypt with the ENCRYPTION_KEYS of this process.';
    return new LinkClientError('configuration_error', message, { cause: error });
  }
  if (
    error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
    error instanceof NamespaceNotFoundError ||
    // The worker could not answer a query: its build is older, or it lacks a key.
    error instanceof QueryNotRegisteredError
  ) {
    return temporalUnavailable(error);
  }
  return grpcCodeOf(error) === undefined && !(error instanceof ServiceError)
    ? new LinkClientError('internal_error', 'Something unexpected went wrong.', { cause: error })
    : ofServiceError(error);
}

/** The gRPC status of a client's error or of its cause; undefined where the server did not refuse the call. */
export function grpcCodeOf(error: unknown): number | undefined {
  return grpcErrorOf(error)?.code;
}

function grpcErrorOf(error: unknown): { code: number; details: string } | undefined {
  if (isGrpcServiceError(error)) return error;
  if (error instanceof Error && isGrpcServiceError(error.cause)) return error.cause;
  return undefined;
}

function ofServiceError(error: unknown): LinkClientError {
  const { code, details = '' } = grpcErrorOf(error) ?? {};
  if (code === GRPC_STATUS.RESOURCE_EXHAUSTED || isRunLimit(code, details)) {
    return new LinkClientError('overloaded', 'Temporal asks to slow down.', { cause: error });
  }
  if (code === GRPC_STATUS.INVALID_ARGUMENT) {
    return /search attribute/i.test(details)
      ? new LinkClientError(
          'configuration_error',
          'The Temporal namespace lacks the search attributes of this service.',
          {
            cause: error,
          },
        )
      : new LinkClientError('internal_error', 'Temporal refused the request.', { cause: error });
  }
  return temporalUnavailable(error);
}

/** Temporal takes so many signals and updates of a run, and no more until it has continued as new. */
function isRunLimit(code: number | undefined, details: string): boolean {
  if (code === GRPC_STATUS.INVALID_ARGUMENT) return /exceeded workflow execution limit/i.test(details);
  return code === GRPC_STATUS.FAILED_PRECONDITION && /limit on the .*number of/i.test(details);
}

/** An update's refusal carries its code as the type of an ApplicationFailure, at any depth of causes. */
export function updateFailureType(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ApplicationFailure && cause.type) return cause.type;
  }
  return undefined;
}

function ofUpdateFailure(error: WorkflowUpdateFailedError): LinkClientError {
  const type = updateFailureType(error);
  // The server's own name for an update whose run closed under it.
  if (type === 'AcceptedUpdateCompletedWorkflow') return notLinked(error);
  return new LinkClientError(isProblemCode(type) ? type : 'internal_error', undefined, { cause: error });
}

export function notLinked(cause?: unknown): LinkClientError {
  return new LinkClientError('not_linked', undefined, { cause });
}
