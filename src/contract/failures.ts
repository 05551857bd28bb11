/**
 * Everything that can go wrong, in one place: class of a provider's failure → code → what can be done → HTTP status →
 * words. Every other map of failures is read off these tables.
 */

/** What somebody can do about a failure. */
export const ACTIONS = [
  'relink',
  'repair',
  'choose_account',
  'fix_configuration',
  'retry_later',
  'contact_support',
] as const;
export type Action = (typeof ACTIONS)[number];

/** How a code is answered over HTTP. Its title is the code in words, see {@link titleOf}. */
export interface ProblemKind {
  status: number;
  /** The usual words. For a 5xx, callers see nothing else. */
  message: string;
  /** `Retry-After`, where the failure itself does not say. */
  retryAfterSeconds?: number;
}

/**
 * The closed list of failure codes: the `code` of a link's or a job's `error`, and the `type` of every
 * ApplicationFailure that a workflow or an activity of this project throws.
 */
export const FAILURES = {
  account_required: {
    action: 'choose_account',
    status: 409,
    message: 'The Item has no single depository account. The user has to choose one.',
  },
  account_not_found: {
    action: 'choose_account',
    status: 409,
    message: 'The Item has no such account. The user has to choose one.',
  },
  relink_required: {
    action: 'relink',
    status: 409,
    message: 'The Plaid public token can no longer be exchanged. The user has to go through Link again.',
  },
  bank_unavailable: {
    action: 'retry_later',
    status: 503,
    message: 'The bank did not answer Plaid.',
    retryAfterSeconds: 60,
  },
  bank_not_supported: {
    action: 'relink',
    status: 409,
    message: 'This bank or account cannot be used with Atomic. The user has to link another one.',
  },
  access_revoked: {
    action: 'relink',
    status: 409,
    message: 'The user or the bank withdrew access to the account.',
  },
  sign_in_required: {
    action: 'repair',
    status: 409,
    message: 'The user has to sign in at the bank again, through Link in update mode.',
  },
  configuration_error: {
    action: 'fix_configuration',
    status: 503,
    message: 'An operator has to change the credentials or the set-up of this service.',
    retryAfterSeconds: 60,
  },
  provider_rejected: {
    action: 'contact_support',
    status: 502,
    message: 'The provider refused the request for good.',
  },
  provider_unavailable: {
    action: 'retry_later',
    status: 503,
    message: 'The provider did not answer, or answered with an error.',
    retryAfterSeconds: 10,
  },
  result_too_large: {
    action: 'contact_support',
    status: 409,
    message: 'The result is larger than 1,000 KiB.',
  },
  result_timeout: {
    action: 'retry_later',
    status: 409,
    message: 'Atomic had no result within RESULT_GIVE_UP_AFTER.',
  },
  unlinked: {
    action: 'relink',
    status: 409,
    message: 'The link was removed before the job was done.',
  },
  internal_error: {
    action: 'contact_support',
    status: 500,
    message: 'Something unexpected went wrong in this service.',
  },
} as const satisfies Record<string, ProblemKind & { action: Action }>;

export type FailureCode = keyof typeof FAILURES;
export const FAILURE_CODES = Object.keys(FAILURES) as [FailureCode, ...FailureCode[]];

export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === 'string' && Object.hasOwn(FAILURES, value);
}

/** What the bank has announced; the link works until then. */
export const WARNING_CODES = ['pending_disconnect', 'pending_expiration'] as const;
export type WarningCode = (typeof WARNING_CODES)[number];

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

interface ClassRule {
  code: FailureCode;
  /** Retrying the same call can help, without any change. */
  passing: boolean;
  /** Codes of the provider that mean another failure than their class does. */
  exceptions?: Readonly<Record<string, FailureCode>>;
}

/** How a provider's failure is treated, decided once, at the edge, by what can be done about it. */
export const CLASSES = {
  /** Try again soon: no answer, 5xx. */
  transient: { code: 'provider_unavailable', passing: true },
  /** Try again when told, or later. */
  rate_limited: { code: 'provider_unavailable', passing: true },
  /** Try again in minutes to hours. Plaid's own maintenance takes as long, but the bank is not to blame. */
  bank_down: {
    code: 'bank_unavailable',
    passing: true,
    exceptions: { PLANNED_MAINTENANCE: 'provider_unavailable' },
  },
  /** The user must act in Link's update mode on the same Item. */
  user_repair: { code: 'sign_in_required', passing: false },
  /** The user must go through Link again, for a new Item. */
  user_relink: {
    code: 'relink_required',
    passing: false,
    exceptions: { USER_PERMISSION_REVOKED: 'access_revoked' },
  },
  /** Another bank is needed. */
  bank_unsupported: { code: 'bank_not_supported', passing: false },
  /** The Item no longer exists. While removing, that is success. */
  gone: { code: 'access_revoked', passing: false },
  /** Atomic has no such thing (yet). */
  not_found: { code: 'provider_rejected', passing: false },
  /** Atomic has this registration already: success, where an earlier attempt may have made it. */
  conflict: { code: 'provider_rejected', passing: false },
  /** An operator must change something. */
  configuration: { code: 'configuration_error', passing: false },
  /** Our request is wrong, or the provider will not take it. */
  rejected: { code: 'provider_rejected', passing: false },
  /** The answer is over the cap. */
  too_large: { code: 'result_too_large', passing: false },
} as const satisfies Record<string, ClassRule>;

export type FailureClass = keyof typeof CLASSES;
export const FAILURE_CLASSES = Object.keys(CLASSES) as [FailureClass, ...FailureClass[]];

export function isFailureClass(value: unknown): value is FailureClass {
  return typeof value === 'string' && Object.hasOwn(CLASSES, value);
}

export function isPassing(failureClass: FailureClass): boolean {
  return CLASSES[failureClass].passing;
}

/** The failure code of a class; `providerCode` is the provider's own, for the few that mean something else. */
export function failureCodeOf(failureClass: FailureClass, providerCode: string): FailureCode {
  const rule: ClassRule = CLASSES[failureClass];
  const { exceptions = {} } = rule;
  return Object.hasOwn(exceptions, providerCode) ? (exceptions[providerCode] ?? rule.code) : rule.code;
}

/** Refusals of the HTTP API and LinkClient, in addition to {@link FAILURES}. */
const REFUSALS = {
  invalid_request: { status: 400, message: 'The request is not as documented.' },
  unauthorized: { status: 401, message: 'Send a valid key as Authorization: Bearer <key>.' },
  invalid_signature: { status: 401, message: 'The webhook is not signed by its sender.' },
  forbidden: { status: 403, message: 'The key does not have the scope that this route needs.' },
  link_not_found: { status: 404, message: 'This user was never linked.' },
  job_not_found: { status: 404, message: 'The link has no such job.' },
  not_found: { status: 404, message: 'There is nothing at this path.' },
  method_not_allowed: { status: 405, message: 'The Allow header lists the methods of this path.' },
  already_linked: {
    status: 409,
    message: 'The user has an open link that was started by another request. Unlink first.',
  },
  not_linked: { status: 409, message: 'The user has no open link.' },
  not_needed: { status: 409, message: 'The link needs no attention.' },
  still_needs_attention: {
    status: 409,
    message: 'The bank still asks for a sign-in. The user has to finish Link in update mode.',
  },
  payload_too_large: { status: 413, message: 'The request is too large.' },
  unsupported_media_type: {
    status: 415,
    message: 'Only application/json without a Content-Encoding is accepted.',
  },
  too_many_requests: {
    status: 429,
    message: 'The limit for this key or address has been reached.',
    retryAfterSeconds: 60,
  },
  overloaded: { status: 503, message: 'The service is overloaded. Try again.', retryAfterSeconds: 2 },
  temporal_unavailable: {
    status: 503,
    message: 'Links cannot be reached at the moment. Try again.',
    retryAfterSeconds: 5,
  },
} as const satisfies Record<string, ProblemKind>;

/** The `code` of the HTTP API's problems and of LinkClient's errors. */
export type ProblemCode = keyof typeof REFUSALS | FailureCode;

/** The one table from problem code to HTTP. */
export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = { ...REFUSALS, ...FAILURES };
export const PROBLEM_CODES = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

export function isProblemCode(value: unknown): value is ProblemCode {
  return typeof value === 'string' && Object.hasOwn(PROBLEMS, value);
}

/** A code in words: `link_not_found` is "Link not found". */
export function titleOf(code: ProblemCode): string {
  const words = code.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
