import type { z } from 'zod';
import { type Answer, jsonAnswer } from '../server/answer';
import type { IdGenerator } from '../server/ids';
import type { Operation, SimulatedRequest, SimulatorServer } from '../server/simulator-server';
import { PlaidRefusal, plaidErrorAnswer } from './errors';
import type { PlaidItems } from './items';
import { parsePlaidRequest } from './requests';

const API_VERSION = '2020-09-14';

export interface EndpointOptions {
  clientId: string;
  secret: string;
  ids: IdGenerator;
  items: PlaidItems;
}

type Body = Record<string, unknown>;

/** What an endpoint of Plaid's is made with: credentials and fields are checked before `act` sees the request. */
export function plaidEndpoints(server: SimulatorServer, options: EndpointOptions) {
  const { ids, items } = options;
  return <Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    act: (input: z.output<Schema>) => Body | { body: Body; onLost: () => void },
  ): void =>
    server.operation('POST', path, {
      name: path,
      userOf: (request) => userOf(items, request),
      handle: (request) =>
        answered(ids, () => {
          authenticate(options, request);
          return act(parsePlaidRequest(schema, bodyOf(request)));
        }),
    });
}

/** Plaid's answer to any other method or path. */
export function unknownPlaidRoute(ids: IdGenerator): Operation {
  return {
    name: 'unknown',
    userOf: () => undefined,
    handle: () => plaidErrorAnswer('NOT_FOUND', ids.plaidRequestId(), 'no such endpoint'),
  };
}

function answered(ids: IdGenerator, act: () => Body | { body: Body; onLost: () => void }): Answer {
  const requestId = ids.plaidRequestId();
  try {
    const made = act();
    if (isLossy(made)) {
      return { ...jsonAnswer(200, { ...made.body, request_id: requestId }), onLost: made.onLost };
    }
    return jsonAnswer(200, { ...made, request_id: requestId });
  } catch (error) {
    if (error instanceof PlaidRefusal) return plaidErrorAnswer(error.code, requestId, error.message);
    throw error;
  }
}

function isLossy(made: object): made is { body: Body; onLost: () => void } {
  return 'onLost' in made;
}

function authenticate(options: EndpointOptions, request: SimulatedRequest): void {
  const version = request.headers['plaid-version'];
  if (version !== undefined && version !== API_VERSION) {
    throw new PlaidRefusal('INCOMPATIBLE_API_VERSION', `the version has to be ${API_VERSION}`);
  }
  const body = bodyOf(request);
  const clientId = request.headers['plaid-client-id'] ?? Reflect.get(body, 'client_id');
  const secret = request.headers['plaid-secret'] ?? Reflect.get(body, 'secret');
  if (clientId === undefined || secret === undefined) {
    throw new PlaidRefusal('MISSING_FIELDS', 'required field absent: client_id or secret');
  }
  if (clientId !== options.clientId || secret !== options.secret) {
    throw new PlaidRefusal('INVALID_API_KEYS', 'client_id and secret do not match');
  }
}

function bodyOf(request: SimulatedRequest): object {
  const { body } = request;
  if (body.kind === 'unsupported') {
    throw new PlaidRefusal('INVALID_HEADERS', 'Content-Type has to be application/json');
  }
  if (body.kind !== 'json' || typeof body.value !== 'object' || body.value === null) {
    throw new PlaidRefusal('INVALID_BODY', 'the body has to be a JSON object');
  }
  return body.value;
}

function userOf(items: PlaidItems, request: SimulatedRequest): string | undefined {
  if (request.body.kind !== 'json') return undefined;
  const { value } = request.body;
  if (typeof value !== 'object' || value === null) return undefined;
  if ('user' in value && typeof value.user === 'object' && value.user !== null) {
    const id: unknown = Reflect.get(value.user, 'client_user_id');
    if (typeof id === 'string') return id;
  }
  if ('access_token' in value && typeof value.access_token === 'string') {
    return items.userOfAccessToken(value.access_token);
  }
  if ('public_token' in value && typeof value.public_token === 'string') {
    return items.userOfPublicToken(value.public_token);
  }
  return undefined;
}
