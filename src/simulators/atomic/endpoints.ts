import { isJob, JOBS, type Job } from '../../contract/jobs';
import { type Answer, jsonAnswer } from '../server/answer';
import type { IdGenerator } from '../server/ids';
import type { Operation, SimulatedRequest, SimulatorServer } from '../server/simulator-server';
import type { AtomicSettings, AtomicSimulatorContract } from './contract';
import type { AtomicLinks } from './links';
import type { ResultOverrides } from './results';

/** The ledger's names of the operations, whatever paths the contract gives them. */
export const ATOMIC_OPERATIONS = {
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
  settings: AtomicSettings;
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
  ): void {
    server.operation(method, route, {
      name,
      userOf,
      handle: (request) =>
        answered(() => {
          authenticate(options, request);
          return act(request);
        }),
    });
  }

  endpoint('POST', LINK_PATH, ATOMIC_OPERATIONS.register, async (request) => {
    const fields = fieldsOf(request, ['identifier', contract.tokenField, 'job']);
    const userId = identifierIn(fields.identifier);
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
  endpoint('DELETE', removeRoute, ATOMIC_OPERATIONS.remove, (request) => {
    const userId = userToRemove(contract.deleteIdentifierIn, request);
    if (!links.remove(userId)) throw new AtomicRefusal(40402, 'Nothing is stored for this user.');
    return jsonAnswer(200, { data: { success: true } });
  });

  endpoint('POST', '/access-token', ATOMIC_OPERATIONS.createUser, (request) => {
    links.createUser(identifierIn(fieldsOf(request, ['identifier']).identifier));
    return jsonAnswer(200, { data: { publicToken: ids.uuid(), token: ids.uuid() } });
  });

  for (const job of JOBS) {
    const route = contract.resultPaths[job].replace('{identifier}', ':identifier');
    endpoint('GET', route, ATOMIC_OPERATIONS.result[job], (request) => {
      onlyQuery(request, ['limit', 'skip']);
      const run = links.finishedRun(identifierIn(request.params.identifier), job);
      if (run) {
        const payload = results.bodyFor(run, contract.resultsWrapped);
        return { ...jsonAnswer(200, null), payload };
      }
      if (settings.beforeResult === 'empty') {
        return jsonAnswer(200, contract.resultsWrapped ? { data: [] } : []);
      }
      throw new AtomicRefusal(40403, 'There is no result for this user.');
    });
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

function authenticate(options: AtomicEndpointsOptions, request: SimulatedRequest): void {
  const { 'x-api-key': key, 'x-api-secret': secret } = request.headers;
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

function userToRemove(
  where: AtomicSimulatorContract['deleteIdentifierIn'],
  request: SimulatedRequest,
): string {
  if (where === 'body') return identifierIn(fieldsOf(request, ['identifier']).identifier);
  if (request.body.kind !== 'none') throw new AtomicRefusal(42201, 'A body is not allowed.');
  onlyQuery(request, where === 'query' ? ['identifier'] : []);
  return identifierIn(where === 'query' ? request.query.get('identifier') : request.params.identifier);
}

function identifierIn(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_IDENTIFIER_LENGTH) {
    throw invalid('identifier', `be a string of 1 to ${MAX_IDENTIFIER_LENGTH} characters`);
  }
  return value;
}

function invalid(field: string, rule: string): AtomicRefusal {
  return new AtomicRefusal(42201, `"${field}" must ${rule}.`);
}

function noSuchUser(): AtomicRefusal {
  return new AtomicRefusal(40401, 'No such user.');
}

function userOf(request: SimulatedRequest): string | undefined {
  const { params, query, body } = request;
  const inPath = params.identifier ?? query.get('identifier');
  if (inPath) return inPath;
  if (body.kind !== 'json' || typeof body.value !== 'object' || body.value === null) return undefined;
  const identifier: unknown = Reflect.get(body.value, 'identifier');
  return typeof identifier === 'string' ? identifier : undefined;
}
