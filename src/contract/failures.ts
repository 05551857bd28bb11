/** What somebody can do about a failure. */
export const ACTIONS = ['relink', 'repair', 'fix_configuration', 'retry_later', 'contact_support'] as const;
export type Action = (typeof ACTIONS)[number];

/**
 * The closed list of failure codes: the `code` of a link's or a job's `error`, and the `type` of every
 * ApplicationFailure that a workflow or an activity of this project throws.
 */
export const FAILURES = {
  account_required: {
    action: 'relink',
    message: 'The Item has no single depository account. Start the link with the accountId the user chose.',
  },
  account_not_found: { action: 'relink', message: 'The Item has no account with the given accountId.' },
  relink_required: {
    action: 'relink',
    message: 'The Plaid public token can no longer be exchanged. The user has to go through Link again.',
  },
  bank_unavailable: { action: 'retry_later', message: 'The bank did not answer Plaid.' },
  bank_not_supported: {
    action: 'relink',
    message: 'This bank or account cannot be used with Atomic. The user has to link another one.',
  },
  access_revoked: { action: 'relink', message: 'The user or the bank withdrew access to the account.' },
  sign_in_required: {
    action: 'repair',
    message: 'The user has to sign in at the bank again, through Link in update mode.',
  },
  configuration_error: {
    action: 'fix_configuration',
    message: 'Plaid or Atomic refused the credentials or the set-up of this service.',
  },
  provider_rejected: { action: 'contact_support', message: 'The provider refused the request for good.' },
  provider_unavailable: {
    action: 'retry_later',
    message: 'The provider did not answer, or answered with a fault.',
  },
  result_too_large: { action: 'contact_support', message: 'The result is larger than 1,000 KiB.' },
  result_timeout: { action: 'retry_later', message: 'Atomic had no result within RESULT_GIVE_UP_AFTER.' },
  internal_error: { action: 'contact_support', message: 'Something unexpected went wrong in this service.' },
} as const satisfies Record<string, { action: Action; message: string }>;

export type FailureCode = keyof typeof FAILURES;
export const FAILURE_CODES = Object.keys(FAILURES) as [FailureCode, ...FailureCode[]];

export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === 'string' && Object.hasOwn(FAILURES, value);
}

/** An error as callers see it in a LinkView: a code of the closed list, plain words, and what can be done. */
export interface LinkError {
  code: FailureCode;
  message: string;
  action?: Action;
}

/** The error of a code; `message` replaces the standing words and must hold nothing secret. */
export function linkError(code: FailureCode, message: string = FAILURES[code].message): LinkError {
  return { code, message, action: FAILURES[code].action };
}

/**
 * How a provider's failure is treated, decided once, at the edge, by what can be done about it:
 *
 * - `transient`: try again soon (no answer, 5xx).
 * - `rate_limited`: try again when told, or later.
 * - `bank_down`: try again in minutes to hours.
 * - `user_repair`: the user must act in Link's update mode on the same Item.
 * - `user_relink`: the user must go through Link afresh.
 * - `bank_unsupported`: another bank is needed.
 * - `gone`: the Item no longer exists. While removing, that is success.
 * - `not_found`: Atomic has no such thing (yet).
 * - `configuration`: an operator must change something.
 * - `rejected`: our request is wrong, or the provider will not take it.
 * - `too_large`: the answer is over the cap.
 */
export const FAILURE_CLASSES = [
  'transient',
  'rate_limited',
  'bank_down',
  'user_repair',
  'user_relink',
  'bank_unsupported',
  'gone',
  'not_found',
  'configuration',
  'rejected',
  'too_large',
] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

/** Codes of the HTTP API's problems, beside {@link FAILURE_CODES}. */
export const PROBLEM_CODES = [
  'invalid_request',
  'unauthorized',
  'link_not_found',
  'job_not_found',
  'not_found',
  'method_not_allowed',
  'already_linked',
  'not_linked',
  'not_needed',
  'still_needs_attention',
  'invalid_signature',
  'payload_too_large',
  'unsupported_media_type',
  'too_many_requests',
  'overloaded',
  'temporal_unavailable',
  'provider_unavailable',
  'configuration_error',
  'internal_error',
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];
