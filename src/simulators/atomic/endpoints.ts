import { isJob, JOBS, type Job } from '../../contract/jobs';
import { type Answer, jsonAnswer } from '../server/answer';
import type { IdGenerator } from '../server/ids';
import type { Operation, SimulatedRequest, SimulatorServer } from '../server/simulator-server';
import type { AtomicSimulatorContract, AtomicSimulatorSettings, IdentifierPlace } from './contract';
import type { AtomicLinks } from './links';
import { bodyOf, listBody, type ResultOverrides, type ResultShape } from './results';

/** The ledger's names of the operations, whatever paths the contract gives them. */
const ATOMIC_OPERATIONS = {
  register: 'POST /plaid/processor-link',
  remove: 'DELETE /plaid/processor-link',
  createUser: 'POST /access-token',
  result: {
    'employer-classification': 'GET employer-matches',
    'recurrence-detection': 'GET recurring-financial-transactions',
  },
} as const satisfies Record<string, string | Record<Job, string>>;

const LINK_PATH = '/plaid/processor-link';
const MAX_IDENTIFIER_LENGTH = 256;

class AtomicRefusal extends Error {
  readonly code: number;

  /** `code` is the HTTP status followed by two digits, as Atomic's own starter reads it. */
  constructor(code: number, message: string) {
    super(message);
    this.name = 'AtomicRefusal';
    this.code = code;
  }
}

export interface AtomicEndpointsOptions {
  apiKey: string;
  apiSecret: string;
  contract: AtomicSimulatorContract;
  settings: AtomicSimulatorSettings;
  links: AtomicLinks;
  results: ResultOverrides;
  ids: IdGenerator;
  isProcessorTokenLive: (token: string) => boolean | Promise<boolean>;
}

/** Atomic's endpoints: credentials first (401), then the shape (400, 422), then what it is about (404, 400). */
export function registerAtomicEndpoints(server: SimulatorServer, options: AtomicEndpointsOptions): void {
  const { contract, settings, links, results, ids } = options;

  function endpoint(
    method: 'GET' | 'POST' | 'DELETE',
    route: string,
    name: string,
    act: (request: SimulatedRequest) => Answer | Promise<Answer>,
    takesPublicToken = false,
  ): void {
    server.operation(method, route, {
      name,
      userOf: (request) => userOf(options, request),
      handle: (request) =>
        answered(() => {
          authenticate(options, request, takesPublicToken);
          return act(request);
        }),
    });
  }

  endpoint('POST', LINK_PATH, ATOMIC_OPERATIONS.register, async (request) => {
    const fields = fieldsOf(request, [contract.userField, contract.tokenField, 'job']);
    const userId = identifierIn(fields[contract.userField], contract.userField);
    const token = fields[contract.tokenField];
    const { job } = fields;
    if (typeof token !== 'string' || token === '') throw invalid(contract.tokenField, 'be a string');
    if (!isJob(job)) throw invalid('job', `be one of ${JOBS.join(', ')}`);
    if (settings.userMustExist && !links.hasUser(userId)) throw noSuchUser();
    if (!(await options.isProcessorTokenLive(token))) {
      throw new AtomicRefusal(40001, 'The processor token could not be used.');
    }
    const { linkId } = links.register(userId, job, token);
    return jsonAnswer(200, { data: { _id: linkId, identifier: userId, job } });
  });

  const removeRoute = contract.deleteIdentifierIn === 'path' ? `${LINK_PATH}/:identifier` : LINK_PATH;
  const remove = (request: SimulatedRequest) => {
    const userId = userNamed(options, contract.deleteIdentifierIn, request, []);
    if (!links.remove(userId)) throw new AtomicRefusal(40402, 'Nothing is stored for this user.');
    return jsonAnswer(200, { data: { success: true } });
  };
  const removesByToken = contract.deleteIdentifierIn === 'public_token';
  endpoint('DELETE', removeRoute, ATOMIC_OPERATIONS.remove, remove, removesByToken);

  endpoint('POST', '/access-token', ATOMIC_OPERATIONS.createUser, (request) => {
    const userId = identifierIn(fieldsOf(request, ['identifier']).identifier);
    return jsonAnswer(200, { data: { publicToken: links.createPublicToken(userId), token: ids.uuid() } });
  });

  for (const job of JOBS) {
    const route = contract.resultPaths[job].replace('{identifier}', ':identifier');
    const read = (request: SimulatedRequest) => {
      const userId = userNamed(options, contract.resultIdentifierIn, request, ['limit', 'skip']);
      const shape: ResultShape = { wrapped: contract.resultsWrapped, listName: contract.listNames[job] };
      const body = (payload: string, status = 200) => ({ ...jsonAnswer(status, null), payload });
      const run = links.finishedRun(userId, job);
      if (run && !(run.failed && contract.failureIn === 'event')) return body(results.bodyFor(run, shape));
      if (settings.beforeResult === 'empty') return body(listBody([], shape));
      if (settings.beforeResult === 'processing') return body(bodyOf({ status: 'processing' }, shape));
      if (settings.beforeResult === '202') return body(bodyOf({ status: 'accepted' }, shape), 202);
      throw new AtomicRefusal(40403, 'There is no result for this user.');
    };
    const readsByToken = contract.resultIdentifierIn === 'public_token';
    endpoint('GET', route, ATOMIC_OPERATIONS.result[job], read, readsByToken);
  }
}

/** Atomic's answer to any other method or path. */
export const unknownAtomicRoute: Operation = {
  name: 'unknown',
  userOf: () => undefined,
  handle: () => answered(() => refuse(new AtomicRefusal(40400, 'No such endpoint.'))),
};

function refuse(refusal: AtomicRefusal): never {
  throw refusal;
}

async function answered(act: () => Answer | Promise<Answer>): Promise<Answer> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof AtomicRefusal)) throw error;
    const { code, message } = error;
    return { ...jsonAnswer(Math.floor(code / 100), { code, message }), code: String(code) };
  }
}

/** A public token stands for key and secret, where one may be used; `userNamed` looks whether it is good. */
function authenticate(
  options: AtomicEndpointsOptions,
  request: SimulatedRequest,
  takesPublicToken: boolean,
): void {
  const { 'x-api-key': key, 'x-api-secret': secret, 'x-public-token': publicToken } = request.headers;
  if (takesPublicToken && publicToken !== undefined && key === undefined) return;
  if (key !== options.apiKey || secret !== options.apiSecret) {
    throw new AtomicRefusal(40101, 'The API key or secret is not valid.');
  }
}

function fieldsOf(request: SimulatedRequest, known: readonly string[]): Record<string, unknown> {
  const { body } = request;
  onlyQuery(request, []);
  if (body.kind !== 'json') throw new AtomicRefusal(40002, 'The body has to be JSON.');
  if (typeof body.value !== 'object' || body.value === null || Array.isArray(body.value)) {
    throw new AtomicRefusal(42201, 'The body has to be an object.');
  }
  const fields: Record<string, unknown> = { ...body.value };
  const unknown = Object.keys(fields).find((field) => !known.includes(field));
  if (unknown !== undefined) throw new AtomicRefusal(42201, `"${unknown}" is not allowed.`);
  return fields;
}

function onlyQuery(request: SimulatedRequest, known: readonly string[]): void {
  const unknown = [...request.query.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) throw new AtomicRefusal(42201, `"${unknown}" is not allowed.`);
}

/** The user of a request, which has to be named in the one place and in no other. */
function userNamed(
  { contract, links }: AtomicEndpointsOptions,
  place: IdentifierPlace,
  request: SimulatedRequest,
  parameters: readonly string[],
): string {
  const { userField } = contract;
  if (place === 'body') {
    onlyQuery(request, parameters);
    return identifierIn(fieldsOf(request, [userField])[userField], userField);
  }
  if (request.body.kind !== 'none') throw new AtomicRefusal(42201, 'A body is not allowed.');
  onlyQuery(request, place === 'query' ? [...parameters, userField] : parameters);
  if (place === 'query') return identifierIn(request.query.get(userField), userField);
  if (place === 'path') return identifierIn(request.params.identifier);
  const userId = links.userOfPublicToken(String(request.headers['x-public-token']));
  if (userId === undefined) throw new AtomicRefusal(40104, 'The public token is not valid.');
  return userId;
}

function identifierIn(value: unknown, field = 'identifier'): string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_IDENTIFIER_LENGTH) {
    throw invalid(field, `be a string of 1 to ${MAX_IDENTIFIER_LENGTH} characters`);
  }
  return value;
}

function invalid(field: string, rule: string): AtomicRefusal {
  return new AtomicRefusal(42201, `"${field}" must ${rule}.`);
}

function noSuchUser(): AtomicRefusal {
  return new AtomicRefusal(40401, 'No such user.');
}

function userOf({ contract, links }: AtomicEndpointsOptions, request: SimulatedRequest): string | undefined {
  const { params, query, body, headers } = request;
  const named = params.identifier ?? query.get(contract.userField);
  if (named) return named;
  const publicToken = headers['x-public-token'];
  if (typeof publicToken === 'string') return links.userOfPublicToken(publicToken);
  if (body.kind !== 'json' || typeof body.value !== 'object' || body.value === null) return undefined;
  const { [contract.userField]: inBody, identifier } = { ...body.value } as Record<string, unknown>;
  const userId = inBody ?? identifier;
  return typeof userId === 'string' ? userId : undefined;
}
