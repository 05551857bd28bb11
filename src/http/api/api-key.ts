import type { FastifyRequest } from 'fastify';
import { bearerToken, findSecret } from '../server/bearer';
import { HttpProblem } from '../server/problems';
import type { ApiKey } from './deps';

/** An `onRequest` hook that lets requests with one of the keys pass and notes whose key it was. */
export function requireApiKey(apiKeys: () => readonly ApiKey[]) {
  return async (request: FastifyRequest): Promise<void> => {
    const presented = bearerToken(request.headers.authorization);
    const key = presented === undefined ? undefined : findSecret(presented, apiKeys(), ({ key }) => key);
    if (!key) throw new HttpProblem('unauthorized');
    request.caller = key.name;
  };
}
