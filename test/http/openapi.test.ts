import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { z } from 'zod';
import { ACTIONS, FAILURE_CODES, PROBLEM_CODES } from '../../src/contract/failures';
import { JOBS } from '../../src/contract/jobs';
import { NOTIFICATION_TYPES } from '../../src/contract/notifications';
import {
  chooseAccountSchema,
  erasureSchema,
  jobResultSchema,
  linkTokenSchema,
  linkViewSchema,
  notificationSchema,
  startLinkSchema,
} from '../../src/contract/schemas';
import { JOB_STATES, LINK_STATES } from '../../src/contract/states';
import {
  linkListSchema,
  linkTokenRequestSchema,
  receivedSchema,
  runJobRequestSchema,
} from '../../src/http/api/schemas';
import { statusSchema } from '../../src/http/server/probe-status';
import { problemSchema } from '../../src/http/server/problems';
import { parseAtomicWebhook } from '../../src/webhooks/atomic-event';
import { parsePlaidWebhook } from '../../src/webhooks/plaid-event';
import { authorized, closeApps, testApp } from './support/test-app';

afterEach(closeApps);

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const DOCS = ['GET /openapi.json', 'GET /docs'];

interface Operation {
  operationId: string;
  summary: string;
  description: string;
  security: unknown[];
  parameters: { name: string; in: string; required: boolean; schema: Record<string, unknown> }[];
  requestBody?: { content: Record<string, Content> };
  responses: Record<
    string,
    { description: string; content: Record<string, Content>; headers: Record<string, unknown> }
  >;
}
interface Content {
  schema?: { $ref?: string };
  examples?: Record<string, { value: unknown }>;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  webhooks: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Record<string, unknown>> };
}

async function documentOf(app: ReturnType<typeof testApp>['app']): Promise<Document> {
  const response = await app.inject({ url: '/openapi.json' });
  expect(response.statusCode).toBe(200);
  expect(response.headers['content-type']).toMatch(/^application\/json/);
  return response.json<Document>();
}

function operationsOf(document: Document): [string, Operation][] {
  return Object.entries(document.paths).flatMap(([url, operations]) =>
    Object.entries(operations).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${url}`,
      operation,
    ]),
  );
}

test('the document is valid OpenAPI 3.1, and the validator can tell', async () => {
  const document = await documentOf(testApp().app);
  expect(document.openapi).toMatch(/^3\.1\./);
  expect(await isValid(document)).toBe(true);
  expect(await isValid({ ...document, info: { title: 5 } })).toBe(false);
});

async function isValid(document: object): Promise<boolean> {
  const validator = require.resolve('@seriousme/openapi-schema-validator/package.json');
  const cli = path.join(path.dirname(validator), 'bin', 'validate-api-cli.js');
  const folder = await mkdtemp(path.join(tmpdir(), 'openapi-'));
  try {
    const file = path.join(folder, 'openapi.json');
    await writeFile(file, JSON.stringify(document));
    // In a process of its own: it ships ES modules alone.
    const run = promisify(execFile)(process.execPath, [cli, file]);
    const { stdout } = await run.catch((error: { stdout: string }) => error);
    return (JSON.parse(stdout) as { valid: boolean }).valid;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('the document describes what callers are sent', async () => {
  const { webhooks, components } = await documentOf(testApp().app);
  const { requestBody } = webhooks.notification?.post ?? {};
  expect(requestBody?.content['application/json']?.schema).toEqual({
    $ref: '#/components/schemas/Notification',
  });
  expect(components.schemas.Notification).toMatchObject({
    properties: { type: { enum: NOTIFICATION_TYPES } },
    required: ['type', 'timestamp', 'data'],
  });
});

test('the document names every route that the server has, and no other', async () => {
  const { app } = testApp();
  const registered: string[] = [];
  app.addHook('onRoute', ({ method, url, onRequest, config }) => {
    for (const one of [method].flat()) registered.push(`${one} ${url}`);
    expect([onRequest, config]).toBeDefined();
  });
  const document = await documentOf(app);
  const refused = new Set<string>();
  for (const route of registered) {
    const [method, url = ''] = route.split(' ');
    const allow = (await app.inject({ method: 'OPTIONS', url })).headers.allow;
    // The other methods of a known path are routes too, which answer with what the path allows.
    if (typeof allow === 'string' && method && !allow.split(', ').includes(method)) refused.add(route);
  }
  const real = registered.filter(
    (route) => !refused.has(route) && !/^(HEAD|OPTIONS) /.test(route) && !/ \/docs\//.test(route),
  );
  const documented = operationsOf(document).map(([route]) => route.replaceAll(/\{(\w+)\}/g, ':$1'));
  expect(real.sort()).toEqual([...documented, ...DOCS].sort());
});

test('no path answers a method that the document does not give it', async () => {
  const { app } = testApp();
  const document = await documentOf(app);
  for (const [template, operations] of Object.entries(document.paths)) {
    const url = template.replace('{userId}', 'u').replace('{job}', 'recurrence-detection');
    for (const method of METHODS) {
      const { statusCode } = await app.inject(authorized({ method, url }));
      if (method === 'OPTIONS') expect(statusCode).toBe(204);
      else if (method.toLowerCase() in operations) expect([404, 405]).not.toContain(statusCode);
      else expect([`${method} ${url}`, statusCode]).toEqual([`${method} ${url}`, 405]);
    }
  }
});

test('every operation is described, and says every way in which it can be refused', async () => {
  const document = await documentOf(testApp().app);
  const ids = new Set<string>();
  for (const [route, operation] of operationsOf(document)) {
    ids.add(operation.operationId);
    expect(operation.summary).toMatch(/\S/);
    expect(operation.description).toMatch(/\S/);
    const statuses = Object.keys(operation.responses);
    const takesBody = !route.startsWith('GET ');
    const expected = ['500'];
    if (route.includes(' /v1/')) expected.push('400', '401', '429', '503');
    if (route.includes(' /webhooks/')) expected.push('200', '400', '401', '429', '503');
    if (takesBody) expected.push('413', '415');
    expect({ route, statuses }).toEqual({ route, statuses: expect.arrayContaining(expected) });
    for (const [status, response] of Object.entries(operation.responses)) {
      const type =
        Number(status) < 400 ? /^(application\/json|text\/plain)$/ : /^application\/problem\+json$/;
      expect(Object.keys(response.content).every((key) => type.test(key))).toBe(true);
      if (status === '429' || status === '503') expect(response.headers).toHaveProperty('retry-after');
    }
    expect(operation.security).toHaveLength(route.includes(' /v1/') ? 1 : 0);
  }
  expect(ids.size).toBe(operationsOf(document).length);
});

test('the statuses of the design are all there', async () => {
  const { paths } = await documentOf(testApp().app);
  const statuses = (url: string, method: string) => Object.keys(paths[url]?.[method]?.responses ?? {});
  expect(statuses('/v1/links', 'post')).toEqual(expect.arrayContaining(['200', '202', '409']));
  expect(statuses('/v1/links/{userId}', 'get')).toEqual(expect.arrayContaining(['200', '404']));
  expect(statuses('/v1/links/{userId}', 'delete')).toEqual(expect.arrayContaining(['200', '202', '404']));
  expect(statuses('/v1/links/{userId}/jobs', 'post')).toEqual(expect.arrayContaining(['202', '409']));
  expect(statuses('/v1/links/{userId}/jobs/{job}', 'get')).toEqual(expect.arrayContaining(['200', '404']));
  expect(statuses('/v1/links/{userId}/repaired', 'post')).toEqual(expect.arrayContaining(['202', '409']));
  expect(statuses('/v1/link-tokens', 'post')).toEqual(expect.arrayContaining(['200', '409', '503']));
  expect(statuses('/readyz', 'get')).toEqual(expect.arrayContaining(['200', '503']));
});

test('parameters carry the limits that requests are checked against', async () => {
  const { paths, components } = await documentOf(testApp().app);
  const list = paths['/v1/links']?.get?.parameters ?? [];
  expect(list).toContainEqual(
    expect.objectContaining({
      name: 'pageSize',
      in: 'query',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
    }),
  );
  expect(paths['/v1/links/{userId}/jobs/{job}']?.get?.parameters).toEqual([
    expect.objectContaining({ name: 'userId', in: 'path', required: true }),
    expect.objectContaining({ name: 'job', in: 'path', required: true }),
    expect.objectContaining({
      name: 'waitSeconds',
      in: 'query',
      required: false,
      schema: { type: 'integer', minimum: 0, maximum: 60, default: 0 },
    }),
  ]);
  expect(components.schemas.StartLink).toEqual({
    oneOf: [
      { $ref: '#/components/schemas/StartLinkByPublicToken' },
      { $ref: '#/components/schemas/StartLinkByAccessToken' },
    ],
  });
  for (const [name, token] of [
    ['StartLinkByPublicToken', 'publicToken'],
    ['StartLinkByAccessToken', 'accessToken'],
  ] as const) {
    expect(components.schemas[name]).toMatchObject({
      additionalProperties: false,
      required: ['userId', 'jobs', token],
      properties: { jobs: { minItems: 1, maxItems: 2, uniqueItems: true } },
    });
  }
  expect(Object.keys(components.schemas.LinkView?.properties ?? {}).sort()).toEqual(
    Object.keys(linkViewSchema.shape).sort(),
  );
});

test('each enum stands in the document once, under a name of its own', async () => {
  const document = await documentOf(testApp().app);
  const enums: string[] = [];
  JSON.stringify(document, (key, value) => {
    if (key === 'enum') enums.push(JSON.stringify(value));
    return value;
  });
  expect(enums.length).toBeGreaterThan(8);
  expect(new Set(enums).size).toBe(enums.length);
  const { schemas } = document.components;
  expect(schemas.Job).toMatchObject({ enum: JOBS });
  expect(schemas.LinkState).toMatchObject({ enum: LINK_STATES });
  expect(schemas.JobState).toMatchObject({ enum: JOB_STATES });
  expect(schemas.FailureCode).toMatchObject({ enum: FAILURE_CODES });
  expect(schemas.Action).toMatchObject({ enum: ACTIONS });
  expect(schemas.ProblemCode).toMatchObject({ enum: PROBLEM_CODES });
});

test('requests are closed, and answers are open to fields of a later version', async () => {
  const { components } = await documentOf(testApp().app);
  const closed = Object.entries(components.schemas)
    .filter(([, schema]) => JSON.stringify(schema).includes('"additionalProperties":false'))
    .map(([name]) => name);
  expect(closed.sort()).toEqual([
    'ChooseAccount',
    'LinkTokenRequest',
    'RunJob',
    'StartLinkByAccessToken',
    'StartLinkByPublicToken',
  ]);
});

test('every operation has examples of its body and its answers, and every problem has one, all of them valid', async () => {
  const document = await documentOf(testApp().app);
  const operations: [string, Operation][] = [
    ...operationsOf(document),
    ...Object.values(document.webhooks).flatMap((hooks) => Object.entries(hooks)),
  ];
  for (const [route, { operationId, requestBody, responses }] of operations) {
    const contents = [requestBody, ...Object.values(responses)].flatMap((part) =>
      Object.entries(part?.content ?? {}).map(([mediaType, content]) => ({ mediaType, ...content })),
    );
    for (const { mediaType, schema, examples = {} } of contents) {
      if (mediaType === 'text/plain') continue;
      expect([route, Object.keys(examples).length]).not.toEqual([route, 0]);
      const name = schema?.$ref?.split('/').at(-1);
      for (const { value } of Object.values(examples)) {
        if (name !== undefined) VALIDATORS[name]?.parse(value);
        else expect(acceptsWebhook(operationId, value)).toBe(true);
        if (name !== undefined) expect(Object.keys(VALIDATORS)).toContain(name);
      }
    }
  }
});

test('an example of a problem is what the server answers', async () => {
  const { app } = testApp();
  const { paths } = await documentOf(app);
  const documented = (status: string) =>
    paths['/v1/links']?.get?.responses[status]?.content['application/problem+json']?.examples;
  const refused = await app.inject({ url: '/v1/links' });
  expect(refused.json()).toEqual(documented('401')?.unauthorized?.value);
  const wrong = await app.inject(authorized({ url: '/v1/links?state=lost' }));
  expect(wrong.json()).toMatchObject({ ...Object(documented('400')?.invalid_request?.value), errors: [{}] });
});

/** By the names of the document: what requests and answers are checked by. */
const VALIDATORS: Readonly<Record<string, z.ZodType>> = {
  LinkTokenRequest: linkTokenRequestSchema,
  LinkToken: linkTokenSchema,
  StartLink: startLinkSchema,
  LinkView: linkViewSchema,
  LinkList: linkListSchema,
  ChooseAccount: chooseAccountSchema,
  RunJob: runJobRequestSchema,
  JobResult: jobResultSchema,
  Erasure: erasureSchema,
  Received: receivedSchema,
  Health: statusSchema,
  Notification: notificationSchema,
  Problem: problemSchema,
};

function acceptsWebhook(operationId: string, body: unknown): boolean {
  const bytes = Buffer.from(JSON.stringify(body));
  const webhook =
    operationId === 'receiveAtomicWebhook'
      ? parseAtomicWebhook(bytes, undefined)
      : parsePlaidWebhook(bytes, 'sandbox');
  return webhook.ok && webhook.event.kind !== 'ignored';
}

describe('the page at /docs', () => {
  test('loads nothing but files of this server, and says so to the browser', async () => {
    const { app } = testApp();
    const page = await app.inject({ url: '/docs' });
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("default-src 'none'");
    expect(page.body).not.toMatch(/<script(?! src="docs\/)/);
    const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file);
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      const response = await app.inject({ url: `/${file}` });
      expect([file, response.statusCode]).toEqual([file, 200]);
      expect(response.rawPayload.length).toBeGreaterThan(100);
    }
  });

  test('reads the document from beside it', async () => {
    const { app } = testApp();
    const script = await app.inject({ url: '/docs/start.js' });
    expect(script.headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect(script.body).toContain("url: 'openapi.json'");
  });

  test('is found with a slash too', async () => {
    const { app } = testApp();
    const response = await app.inject({ url: '/docs/' });
    expect([response.statusCode, response.headers.location]).toEqual([302, '../docs']);
  });
});
