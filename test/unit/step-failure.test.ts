import { CancelledFailure, RetryState } from '@temporalio/common';
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import {
  failureOf,
  ignoreFailure,
  linkFailure,
  mayBeTriedAgain,
  mayHaveHappenedMs,
  provenance,
} from '../../workflows/step-failure';

const DETAILS = {
  provider: 'plaid',
  providerCode: 'INSTITUTION_DOWN',
  failureClass: 'bank_down',
  attempts: 2,
} as const;

function application(type: string, nonRetryable = false, details?: object): ApplicationFailure {
  return ApplicationFailure.create({ type, nonRetryable, ...(details && { details: [details] }) });
}

function ofActivity(
  cause: Error,
  retryState: RetryState = RetryState.NON_RETRYABLE_FAILURE,
): ActivityFailure {
  return new ActivityFailure('Activity task failed', 'exchangePublicToken', '1', retryState, 'worker', cause);
}

describe('what is known of a step that failed', () => {
  it.each([true, false])('is its code, its details, and whether it is final: %s', (nonRetryable) => {
    const cause = application('bank_unavailable', nonRetryable, DETAILS);
    const known = { code: 'bank_unavailable', nonRetryable, details: DETAILS };
    expect(failureOf(cause)).toEqual(known);
    expect(failureOf(ofActivity(cause))).toEqual(known);
  });

  it('is an internal error where the code is none of ours, and no details where there are none', () => {
    const failure = failureOf(application('TypeError'));
    expect(failure).toEqual({ code: 'internal_error', nonRetryable: false });
    expect(failure).not.toHaveProperty('details');
  });

  it('is, of a step that ran out of time, the last failure before, or that the provider did not answer', () => {
    const before = application('bank_unavailable', false, DETAILS);
    const timeout = () => new TimeoutFailure('timed out', undefined, 'SCHEDULE_TO_CLOSE');
    const last = Object.defineProperty(timeout(), 'cause', { value: before });
    expect(failureOf(ofActivity(last))).toEqual({
      code: 'bank_unavailable',
      nonRetryable: false,
      details: DETAILS,
    });
    expect(failureOf(ofActivity(timeout()))).toEqual({ code: 'provider_unavailable', nonRetryable: false });
  });

  it('is nothing of a cancellation and of a bug', () => {
    expect(failureOf(ofActivity(new CancelledFailure('cancelled')))).toBeUndefined();
    expect(failureOf(new TypeError('a bug'))).toBeUndefined();
    expect(failureOf(undefined)).toBeUndefined();
  });
});

describe('a step that was handed back', () => {
  it('may be tried again where the policy, and not the failure itself, says that it is final', () => {
    expect(mayBeTriedAgain(ofActivity(application('bank_unavailable')))).toBe(true);
    expect(mayBeTriedAgain(ofActivity(application('bank_unavailable', true)))).toBe(false);
    const exhausted = ofActivity(application('bank_unavailable'), RetryState.MAXIMUM_ATTEMPTS_REACHED);
    expect(mayBeTriedAgain(exhausted)).toBe(false);
    expect(mayBeTriedAgain(application('bank_unavailable'))).toBe(false);
    expect(mayBeTriedAgain(ofActivity(new CancelledFailure('cancelled')))).toBe(false);
  });

  it('is let be, where it is no cancellation and no bug', () => {
    expect(() => ignoreFailure(ofActivity(application('bank_unavailable')))).not.toThrow();
    const cancelled = new CancelledFailure('cancelled');
    expect(() => ignoreFailure(cancelled)).toThrow(cancelled);
  });

  it('tells how long ago a call was sent that may have arrived', () => {
    expect(
      mayHaveHappenedMs({ code: 'provider_unavailable', details: { ...DETAILS, mayHaveHappenedMs: 7 } }),
    ).toBe(7);
    expect(mayHaveHappenedMs({ code: 'provider_unavailable' })).toBeUndefined();
    expect(mayHaveHappenedMs(undefined)).toBeUndefined();
  });
});

it('names provider, code and request, as far as they are known', () => {
  expect(provenance({ code: 'unlinked' })).toBe('');
  expect(provenance({ code: 'bank_unavailable', details: DETAILS })).toBe('plaid: INSTITUTION_DOWN');
  expect(provenance({ code: 'bank_unavailable', details: { ...DETAILS, providerRequestId: 'abc' } })).toBe(
    'plaid: INSTITUTION_DOWN, request abc',
  );
});

it('ends a link without a provider to name in plain words, for good', () => {
  const failure = linkFailure({ code: 'unlinked' });
  expect(failure.message).toBe('The link was removed before the job was done.');
  expect(failure.nonRetryable).toBe(true);
  expect(failure.details).toEqual([{ action: 'relink' }]);
});
