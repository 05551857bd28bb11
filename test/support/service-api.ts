import { z } from 'zod';
import { PROBLEM_CODES } from '../../src/contract/failures';
import type { Job } from '../../src/contract/jobs';
import {
  jobResultSchema,
  type LinkSummary,
  type LinkView,
  linkSummarySchema,
  linkTokenSchema,
  linkViewSchema,
} from '../../src/contract/schemas';
import { until } from './until';

const problemSchema = z.looseObject({ status: z.number(), code: z.enum(PROBLEM_CODES) });
const linkListSchema = z.object({ links: z.array(linkSummarySchema), nextPageToken: z.string().optional() });

export interface CallOptions {
  body?: unknown;
  /** Instead of `body`, as it is. */
  rawBody?: string;
  headers?: Record<string, string>;
  /** The call fails when there is no answer by then. Default 75 s: longer than the longest poll. */
  deadlineMs?: number;
}

/** An answer of the API; each of the readers throws when the body is of another shape. */
export interface ApiAnswer {
  /** What was asked: `GET /v1/links/somebody`. */
  request: string;
  status: number;
  headers: Headers;
  text: string;
  link(): LinkView;
  links(): LinkSummary[];
  job(): z.output<typeof jobResultSchema>;
  linkToken(): z.output<typeof linkTokenSchema>;
  /** The problem's code. */
  code(): string;
}

export interface StartRequest {
  userId: string;
  accountId?: string;
  publicToken?: string;
  accessToken?: string;
  jobs: readonly Job[];
}

/** Calls the HTTP API as a backend does. */
export class ServiceApi {
  url: string;
  /** Of the calls that follow. */
  key: string;
  /** Told of every answer. */
  onAnswer: (answer: ApiAnswer) => void = () => undefined;

  constructor(url: string, key: string) {
    this.url = url;
    this.key = key;
  }

  async call(method: string, path: string, options: CallOptions = {}): Promise<ApiAnswer> {
    const { body, rawBody, headers = {}, deadlineMs = 75_000 } = options;
    const content = rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(content !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(content !== undefined && { body: content }),
      signal: AbortSignal.timeout(deadlineMs),
    });
    const text = await response.text();
    const read = <T>(schema: z.ZodType<T>): T => {
      const parsed = schema.safeParse(JSON.parse(text || 'null'));
      if (parsed.success) return parsed.data;
      throw new Error(`${method} ${path} was answered ${response.status} ${text}`);
    };
    const answer: ApiAnswer = {
      request: `${method} ${path}`,
      status: response.status,
      headers: response.headers,
      text,
      link: () => read(linkViewSchema),
      links: () => read(linkListSchema).links,
      job: () => read(jobResultSchema),
      linkToken: () => read(linkTokenSchema),
      code: () => read(problemSchema).code,
    };
    this.onAnswer(answer);
    return answer;
  }

  start(request: StartRequest, options: CallOptions = {}): Promise<ApiAnswer> {
    return this.call('POST', '/v1/links', { body: request, ...options });
  }

  get(userId: string, options: CallOptions = {}): Promise<ApiAnswer> {
    return this.call('GET', `/v1/links/${userId}`, options);
  }

  runJob(userId: string, job: Job, options: CallOptions = {}): Promise<ApiAnswer> {
    return this.call('POST', `/v1/links/${userId}/jobs`, { body: { job }, ...options });
  }

  job(userId: string, job: Job, waitSeconds = 0, options: CallOptions = {}): Promise<ApiAnswer> {
    return this.call('GET', `/v1/links/${userId}/jobs/${job}?waitSeconds=${waitSeconds}`, options);
  }

  unlink(userId: string, waitSeconds = 0, options: CallOptions = {}): Promise<ApiAnswer> {
    return this.call('DELETE', `/v1/links/${userId}?waitSeconds=${waitSeconds}`, options);
  }

  /** Reads the link until it is as wanted, for up to 90 s; every so many milliseconds, for a test with many links at once. */
  async linkWhen(userId: string, isWanted: (link: LinkView) => boolean, everyMs = 30): Promise<LinkView> {
    const isThere = (answer: ApiAnswer) => answer.status === 200 && isWanted(answer.link());
    return (await until(() => this.get(userId), isThere, { withinMs: 90_000, everyMs })).link();
  }
}
