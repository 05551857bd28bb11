import type { FastifyRequest } from 'fastify';
import type { ApiScope } from '../../contract/scopes';
import { bearerToken, findSecret } from '../server/bearer';
import { HttpProblem } from '../server/problems';
import type { ApiKey } from './deps';

/** An `onRequest` hook that lets requests with a key of this scope pass and notes whose key it was. */
export function requireApiKey(apiKeys: () => readonly ApiKey[], scope: ApiScope) {
  return async (request: FastifyRequest): Promise<void> => {
    const presented = bearerToken(request.headers.authorization);
    const key = presented === undefined ? undefined : findSecret(presented, apiKeys(), ({ key }) => key);
    if (!key) throw new HttpProblem('unauthorized');
    request.caller = key.name;
    if (key.scopes && !key.scopes.includes(scope)) throw new HttpProblem('forbidden');
  };
}
