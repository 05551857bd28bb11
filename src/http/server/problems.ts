import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { PROBLEM_CODES, PROBLEMS, type ProblemCode, titleOf } from '../../contract/failures';
import { SafeError } from '../../contract/safe-error';

export const problemCodeSchema = z
  .enum(PROBLEM_CODES)
  .meta({ description: 'Why a request was refused: what programs should look at.' });

export const inputErrorSchema = z.strictObject({ path: z.string(), message: z.string() });

export const problemSchema = z
  .strictObject({
    type: z
      .string()
      .meta({ description: '`urn:problem-type:processor-link:<code>`: a name, not an address.' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    code: problemCodeSchema,
    errors: z
      .array(inputErrorSchema)
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
    const detail = options.detail ?? kind.message;
    // Its code says all; a stack trace costs more than all else of a refusal, and whoever likes can have many.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(detail, 'cause' in options ? { cause: options.cause } : {});
    Error.stackTraceLimit = stackTraceLimit;
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
      title: (options.status === undefined ? undefined : STATUS_CODES[options.status]) ?? titleOf(code),
      status: this.status,
      detail,
      code,
      ...(options.errors && { errors: options.errors }),
    };
  }
}
