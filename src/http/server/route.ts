import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import { z } from 'zod';
import type { ProblemCode } from '../../contract/failures';
import type { ApiScope } from '../../contract/scopes';
import { inputErrors } from './input-errors';
import { responseSchemaOf } from './json-schema';
import { JsonText } from './json-text';
import { HttpProblem } from './problems';

export type Method = 'GET' | 'POST' | 'DELETE';

export interface AnswerDoc {
  description: string;
  /** What is answered: nothing but the fields of this schema leaves. Without one the answer is plain text. */
  schema?: z.ZodType;
  headers?: Readonly<Record<string, string>>;
}

/** What the OpenAPI document says of a route. */
export interface RouteDoc {
  method: Method;
  /** Fastify's pattern: `/v1/links/:userId`. */
  url: string;
  operationId: string;
  summary: string;
  description: string;
  tag: string;
  /** Who may call: holders of an API key with this scope, senders with a signature, everybody. */
  access: ApiScope | 'signature' | 'everybody';
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Headers that belong to the route, with their meaning. */
  requestHeaders?: Readonly<Record<string, string>>;
  answers: Readonly<Record<number, AnswerDoc>>;
  /** Beside those that the document adds by itself to every route of its kind. */
  problems: readonly ProblemCode[];
}

/** A request to one of our own routes, as far as handlers may look at it. */
export interface Call {
  requestId: string;
  /** Aborts when the caller goes away before the answer. */
  callerGone: () => AbortSignal;
}

export interface Answer {
  status: number;
  /** {@link JsonText} is sent as it is, and so has to hold allow-listed fields alone. */
  body: unknown;
  headers?: Readonly<Record<string, string>>;
}

export interface Route extends RouteDoc {
  access: ApiScope;
  handle(raw: { params: unknown; query: unknown; body: unknown }, call: Call): Promise<Answer>;
}

type RouteInput = { params?: z.ZodObject; query?: z.ZodObject; body?: z.ZodType };

const NOTHING = z.strictObject({});

/**
 * A route whose one definition validates requests, shapes answers and makes the document. A query or a body that
 * `input` does not name has to be empty.
 */
export function defineRoute<Input extends RouteInput>(
  doc: Omit<RouteDoc, keyof RouteInput> & { access: ApiScope },
  input: Input,
  handle: (input: z.output<z.ZodObject<Input>>, call: Call) => Promise<Answer>,
): Route {
  const expected = z.object(input);
  const unexpected = z.object({
    ...(input.query === undefined && { query: NOTHING }),
    ...(input.body === undefined && { body: NOTHING.optional() }),
  });
  return {
    ...doc,
    ...input,
    handle: async (raw, call) => {
      const parsed = expected.safeParse(raw);
      const rest = unexpected.safeParse(raw);
      if (!parsed.success || !rest.success) {
        const issues = [...(parsed.error?.issues ?? []), ...(rest.error?.issues ?? [])];
        // The first step says which part of the request it is, which the fields' names make plain enough.
        const fields = issues.map((issue) => ({ ...issue, path: issue.path.slice(1) }));
        throw new HttpProblem('invalid_request', { errors: inputErrors(fields) });
      }
      return handle(parsed.data, call);
    },
  };
}

/** Adds a route to the app, behind the given `onRequest` hooks. */
export function addRoute(app: FastifyInstance, route: Route, onRequest: onRequestHookHandler[]): void {
  app.route({
    method: route.method,
    url: route.url,
    onRequest,
    config: { action: route.operationId, mayWait: 'waitSeconds' in (route.query?.shape ?? {}) },
    schema: { response: responseSchemas(route) },
    handler: async (request, reply) => {
      const { params, query, body } = request;
      const answer = await route.handle({ params, query, body }, callOf(request, reply));
      reply.code(answer.status).headers(answer.headers ?? {});
      if (!(answer.body instanceof JsonText)) return answer.body;
      reply.type('application/json; charset=utf-8');
      return Buffer.from(answer.body.text);
    },
  });
}

/** Fastify writes answers by these, so that a field which is not in the schema is never sent. */
export function responseSchemas(route: RouteDoc): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(route.answers).flatMap(([status, { schema }]) =>
      schema ? [[status, responseSchemaOf(schema)]] : [],
    ),
  );
}

function callOf(request: FastifyRequest, reply: FastifyReply): Call {
  return {
    requestId: request.id,
    callerGone: () => {
      const gone = new AbortController();
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) gone.abort();
      });
      return gone.signal;
    },
  };
}
