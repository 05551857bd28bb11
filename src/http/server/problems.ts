import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { PROBLEM_CODES, type ProblemCode } from '../../contract/failures';
import { SafeError } from '../../contract/safe-error';

interface ProblemKind {
  status: number;
  title: string;
  /** Standing words; for a 5xx they are all that a caller is told. */
  detail: string;
  /** `Retry-After`, where the failure itself does not say. */
  retryAfterSeconds?: number;
}

/** The one table from problem code to HTTP. */
export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = {
  invalid_request: { status: 400, title: 'Invalid request', detail: 'The request is not as documented.' },
  unauthorized: {
    status: 401,
    title: 'Unauthorized',
    detail: 'Send a valid key as Authorization: Bearer <key>.',
  },
  invalid_signature: {
    status: 401,
    title: 'Invalid signature',
    detail: 'The webhook is not signed by its sender.',
  },
  link_not_found: { status: 404, title: 'Link not found', detail: 'This user was never linked.' },
  job_not_found: { status: 404, title: 'Job not found', detail: 'The link has no such job.' },
  not_found: { status: 404, title: 'Not found', detail: 'There is nothing under this path.' },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    detail: 'See Allow for what this path takes.',
  },
  already_linked: {
    status: 409,
    title: 'Already linked',
    detail: 'The user has an open link that was started by another request. Unlink first.',
  },
  not_linked: { status: 409, title: 'Not linked', detail: 'The user has no open link.' },
  not_needed: { status: 409, title: 'Not needed', detail: 'The link needs no attention.' },
  still_needs_attention: {
    status: 409,
    title: 'Still needs attention',
    detail: 'The bank still asks for a sign-in. The user has to finish Link in update mode.',
  },
  payload_too_large: { status: 413, title: 'Payload too large', detail: 'The request is too large.' },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Only application/json is taken.',
  },
  too_many_requests: {
    status: 429,
    title: 'Too many requests',
    detail: 'The limit for this key or address is used up.',
    retryAfterSeconds: 60,
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    detail: 'Too much is under way. Try again.',
    retryAfterSeconds: 2,
  },
  temporal_unavailable: {
    status: 503,
    title: 'Temporal unavailable',
    detail: 'Links cannot be reached at the moment. Try again.',
    retryAfterSeconds: 5,
  },
  provider_unavailable: {
    status: 503,
    title: 'Provider unavailable',
    detail: 'The provider cannot be reached at the moment. Try again.',
    retryAfterSeconds: 10,
  },
  configuration_error: {
    status: 500,
    title: 'Configuration error',
    detail: 'An operator of this service has to change its set-up.',
  },
  internal_error: { status: 500, title: 'Internal error', detail: 'Something unexpected went wrong.' },
};

export function isProblemCode(value: unknown): value is ProblemCode {
  return PROBLEM_CODES.some((code) => code === value);
}

export const problemSchema = z
  .strictObject({
    type: z
      .string()
      .meta({ description: '`urn:problem-type:processor-link:<code>`: a name, not an address.' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    code: z.enum(PROBLEM_CODES).meta({ description: 'What programs should look at.' }),
    errors: z
      .array(z.strictObject({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'What is wrong with the input, by the dotted path of the field.' }),
  })
  .meta({ description: 'RFC 9457 problem details.' });
/** Body of every error answer, as `application/problem+json`. */
export type Problem = z.infer<typeof problemSchema>;

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

export interface ProblemOptions {
  /** Replaces the standing words. Shown to the caller, so it must hold nothing secret. */
  detail?: string;
  errors?: NonNullable<Problem['errors']>;
  retryAfterSeconds?: number;
  /** Replaces the table's status where HTTP has a finer one for the same code. */
  status?: number;
  headers?: Readonly<Record<string, string>>;
  cause?: unknown;
}

/** Thrown by handlers and hooks to end a request with a problem. */
export class HttpProblem extends SafeError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Problem;

  constructor(
    readonly code: ProblemCode,
    options: ProblemOptions = {},
  ) {
    const kind = PROBLEMS[code];
    const detail = options.detail ?? kind.detail;
    super(detail, 'cause' in options ? { cause: options.cause } : {});
    this.name = 'HttpProblem';
    this.status = options.status ?? kind.status;
    const retryAfterSeconds = options.retryAfterSeconds ?? kind.retryAfterSeconds;
    this.headers = {
      ...options.headers,
      ...(code === 'unauthorized' &&
        this.status === 401 && { 'www-authenticate': 'Bearer realm="processor-link"' }),
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    };
    this.body = {
      type: `urn:problem-type:processor-link:${code}`,
      title: options.status === undefined ? kind.title : (STATUS_CODES[options.status] ?? kind.title),
      status: this.status,
      detail,
      code,
      ...(options.errors && { errors: options.errors }),
    };
  }
}
