import { RetryState } from '@temporalio/common';
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import type { FailureDetails } from '../activities/application-failure';
import { FAILURES, type FailureCode, isFailureCode } from '../src/contract/failures';

/** Why something failed: our code and, for whoever operates this, the provider's. */
export interface Reason {
  code: FailureCode;
  details?: FailureDetails;
}

export interface StepFailure extends Reason {
  nonRetryable: boolean;
}

/** What is known of a failed step; undefined when the error is not a step's failure (a cancellation, a bug). */
export function failureOf(error: unknown): StepFailure | undefined {
  if (error instanceof ApplicationFailure) {
    const code = isFailureCode(error.type) ? error.type : 'internal_error';
    const [details] = (error.details ?? []) as FailureDetails[];
    return {
      code,
      nonRetryable: error.nonRetryable === true,
      ...(details && { details }),
    };
  }
  if (!(error instanceof ActivityFailure)) return undefined;
  if (error.cause instanceof TimeoutFailure) {
    return failureOf(error.cause.cause) ?? { code: 'provider_unavailable', nonRetryable: false };
  }
  return failureOf(error.cause);
}

/** Whether the step was handed back although it may be tried again: its retry policy leaves such failures to the workflow. */
export function mayBeTriedAgain(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.retryState === RetryState.NON_RETRYABLE_FAILURE &&
    failureOf(error)?.nonRetryable === false
  );
}

/** Whether the call that failed may have taken effect, and how long ago it was sent; undefined when it cannot have. */
export function mayHaveHappenedMs(failure: Reason | undefined): number | undefined {
  return failure?.details?.mayHaveHappenedMs;
}

/** `plaid: INSTITUTION_DOWN, request abc`: what an operator looks for at the provider. Empty where no provider spoke. */
export function provenance({ details }: Reason): string {
  if (!details) return '';
  const { provider, providerCode, providerRequestId } = details;
  return `${provider}: ${providerCode}${providerRequestId === undefined ? '' : `, request ${providerRequestId}`}`;
}

/** The failure that the link's workflow ends with. */
export function linkFailure(reason: Reason): ApplicationFailure {
  const { code, details } = reason;
  const { message, action } = FAILURES[code];
  const source = provenance(reason);
  return ApplicationFailure.create({
    type: code,
    message: source === '' ? message : `${message} [${source}]`,
    nonRetryable: true,
    details: [{ action, ...details }],
  });
}

/** A step that failed is let be; a cancellation, or a bug, is not. */
export function ignoreFailure(error: unknown): void {
  if (!failureOf(error)) throw error;
}
