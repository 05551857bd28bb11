import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../../contract/failures';
import { notificationSchema } from '../../contract/schemas';
import { isApiScope } from '../../contract/scopes';
import { PROBLEM_MEDIA_TYPE, problemSchema } from '../server/problems';
import type { AnswerDoc, RouteDoc } from '../server/route';
import {
  EXAMPLES,
  type NamedExamples,
  NOTIFICATION_EXAMPLES,
  PARAMETER_EXAMPLES,
  problemExample,
} from './examples';
import { namedRef, parameterSchemas, schemaComponents } from './openapi-schemas';

/** Version of the HTTP contract, not of the package. */
const API_VERSION = '1.0.0';

const KEY_SCHEME = 'apiKey';

/** An OpenAPI 3.1 document of the routes, made from the schemas that also validate and serialise. */
export function openApiDocument(routes: readonly RouteDoc[]) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'processor-link',
      version: API_VERSION,
      description:
        'Links users who connected a bank through Plaid to Atomic, which finds out who employs them and which payments ' +
        'recur. Every error is an RFC 9457 problem with a `code` for programs. Every answer has an `x-request-id`: that ' +
        'of the request, or a new one.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'Linking', description: 'Link a user, read the link, unlink.' },
      { name: 'Jobs', description: 'What Atomic finds out.' },
      { name: 'Webhooks', description: 'From Atomic and Plaid to us, and from us to callers.' },
      { name: 'Operation', description: 'For people who run the service.' },
    ],
    paths,
    webhooks: { notification: { post: notificationOperation() } },
    components: {
      schemas: schemaComponents(),
      securitySchemes: {
        [KEY_SCHEME]: {
          type: 'http',
          scheme: 'bearer',
          description: 'One of API_KEYS, with the scope that the operation names.',
        },
      },
    },
  };
}

/** What `NOTIFY_URL` receives. */
function notificationOperation() {
  const headers = {
    'webhook-id': 'The same over all attempts.',
    'webhook-timestamp': 'Seconds since 1970, of this attempt.',
    'webhook-signature': 'One signature for each secret, as Standard Webhooks has them.',
  };
  return {
    operationId: 'receiveNotification',
    summary: 'Receive a notification about a link',
    description:
      'Posted to `NOTIFY_URL` as a Standard Webhook, signed with `NOTIFY_SECRET`. It can arrive twice and out of ' +
      'order: read the link for its current state.',
    tags: ['Webhooks'],
    security: [],
    parameters: headerParameters(headers),
    requestBody: {
      required: true,
      content: {
        'application/json': { schema: namedRef(notificationSchema), ...examplesOf(NOTIFICATION_EXAMPLES) },
      },
    },
    responses: {
      '2XX': { description: 'Accepted.' },
      410: { description: 'The notification is never sent again.' },
      default: { description: 'The notification is sent again, for up to 24 hours.' },
    },
  };
}

function operationOf(route: RouteDoc) {
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: route.description,
    tags: [route.tag],
    security: isApiScope(route.access) ? [{ [KEY_SCHEME]: [route.access] }] : [],
    parameters: [
      ...parametersOf('path', route.params),
      ...parametersOf('query', route.query),
      ...headerParameters(route.requestHeaders ?? {}),
    ],
    ...requestBodyOf(route),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, answer]) => [
          status,
          answerOf(answer, EXAMPLES[route.operationId]?.answers?.[status]),
        ]),
      ),
      ...problemsOf(route),
    },
  };
}

function headerParameters(headers: Readonly<Record<string, string>>) {
  return Object.entries(headers).map(([name, description]) => ({
    name,
    in: 'header',
    required: true,
    description,
    schema: { type: 'string' },
  }));
}

function parametersOf(place: 'path' | 'query', schema: z.ZodObject | undefined) {
  if (schema === undefined) return [];
  const properties = parameterSchemas(schema);
  return Object.entries(schema.shape).map(([name, field]) => {
    const { description, ...jsonSchema } = z.record(z.string(), z.unknown()).parse(properties[name]);
    const example = place === 'path' ? PARAMETER_EXAMPLES[name] : undefined;
    return {
      name,
      in: place,
      required: !z.instanceof(z.ZodType).parse(field).safeParse(undefined).success,
      ...(description !== undefined && { description }),
      schema: jsonSchema,
      ...(example !== undefined && { example }),
    };
  });
}

function requestBodyOf(route: RouteDoc) {
  if (route.access === 'signature') {
    const schema = { type: 'object', description: 'As its sender documents it.' };
    const examples = examplesOf(EXAMPLES[route.operationId]?.request);
    return { requestBody: { required: true, content: { 'application/json': { schema, ...examples } } } };
  }
  if (!route.body) return {};
  return {
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: namedRef(route.body),
          ...examplesOf(EXAMPLES[route.operationId]?.request),
        },
      },
    },
  };
}

function answerOf(answer: AnswerDoc, examples: NamedExamples | undefined) {
  return {
    description: answer.description,
    headers: headersOf(answer.headers ?? {}),
    content: answer.schema
      ? { 'application/json': { schema: namedRef(answer.schema), ...examplesOf(examples) } }
      : { 'text/plain': { schema: { type: 'string' } } },
  };
}

function headersOf(headers: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
}

/** One answer a status, which names the codes that it can carry. */
function problemsOf(route: RouteDoc) {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of problemCodesOf(route)) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return {
    ...Object.fromEntries([...byStatus].map(([status, codes]) => [status, problemAnswer(status, codes)])),
    // Said before any route is found.
    408: problemAnswer(408, ['invalid_request']),
    431: problemAnswer(431, ['payload_too_large']),
  };
}

/** Every problem that the route can be answered with. */
function problemCodesOf(route: RouteDoc): ProblemCode[] {
  const ours: ProblemCode[] = ['internal_error', 'configuration_error'];
  const shed: ProblemCode[] = ['overloaded', 'too_many_requests'];
  const input: ProblemCode[] = ['invalid_request'];
  const body: ProblemCode[] = ['payload_too_large', 'unsupported_media_type'];
  const isProbe = route.access === 'everybody';
  return [
    ...(isProbe ? [] : input),
    ...(isApiScope(route.access) ? (['unauthorized', 'forbidden'] as const) : []),
    ...(route.access === 'signature' ? (['invalid_signature'] as const) : []),
    ...(route.method === 'GET' ? [] : body),
    ...route.problems,
    ...(isProbe ? [] : shed),
    ...(isProbe ? (['internal_error'] as const) : ours),
  ];
}

function problemAnswer(status: number, codes: readonly ProblemCode[]) {
  const headers = {
    ...(status === 401 &&
      codes.includes('unauthorized') && { 'www-authenticate': 'Asks for a bearer token.' }),
    ...((status === 429 || status === 503) && { 'retry-after': 'Seconds to wait before trying again.' }),
  };
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].message}`).join(' '),
    headers: headersOf(headers),
    content: {
      [PROBLEM_MEDIA_TYPE]: {
        schema: namedRef(problemSchema),
        ...examplesOf(Object.fromEntries(codes.map((code) => [code, problemExample(code, status)]))),
      },
    },
  };
}

function examplesOf(examples: NamedExamples | undefined) {
  if (examples === undefined) return {};
  return {
    examples: Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }])),
  };
}
