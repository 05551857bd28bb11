import { isGrpcServiceError } from '@temporalio/client';

/** The gRPC status codes that are distinguished here (grpc.io, "Status codes and their use in gRPC"). */
export const GRPC_STATUS = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/**
 * Whether a failed call may succeed later without any change: what is not an answer of Temporal's, or one that says that it
 * cannot answer now. A namespace that is not there may be on its way: processes are started together.
 */
export function mayPass(error: unknown): boolean {
  return !isGrpcServiceError(error) || PASSING.includes(error.code);
}

/** What Temporal says of a call that it refuses. */
export function reasonOf(error: unknown): string {
  return isGrpcServiceError(error) ? error.details : 'the server could not be asked';
}

const PASSING: readonly number[] = [
  GRPC_STATUS.CANCELLED,
  GRPC_STATUS.UNKNOWN,
  GRPC_STATUS.DEADLINE_EXCEEDED,
  GRPC_STATUS.NOT_FOUND,
  GRPC_STATUS.RESOURCE_EXHAUSTED,
  GRPC_STATUS.ABORTED,
  GRPC_STATUS.INTERNAL,
  GRPC_STATUS.UNAVAILABLE,
];
