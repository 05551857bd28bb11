import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpProblem } from './problems';

const MINUTE_MS = 60_000;
// Counters are kept for that many keys or addresses; the least recently seen are forgotten.
const MAX_COUNTED = 20_000;

export type Hook = (request: FastifyRequest) => Promise<void>;

/** Loads the plugin that {@link limitPerMinute} counts with. */
export function loadRateLimits(app: FastifyInstance): void {
  app.register(rateLimit, { global: false, cache: MAX_COUNTED });
}

/**
 * Counts a request and answers 429 beyond `max` in a minute, by address unless `keyOf` says otherwise; 0 turns it off. It
 * counts in this process alone.
 */
export function limitPerMinute(
  app: FastifyInstance,
  max: number,
  keyOf?: (request: FastifyRequest) => string,
): Hook {
  if (max === 0) return async () => {};
  const count = app.createRateLimit({ max, timeWindow: MINUTE_MS, ...(keyOf && { keyGenerator: keyOf }) });
  return async (request) => {
    const counted = await count(request);
    if (counted.isAllowed || !counted.isExceeded) return;
    throw new HttpProblem('too_many_requests', { retryAfterSeconds: counted.ttlInSeconds });
  };
}

/** Does something that may refuse the caller, and counts refusals alone: whoever is let in has nothing to fear from others. */
export type CountRefusals = <T>(request: FastifyRequest, work: () => Promise<T>) => Promise<T>;

export function refusalsPerMinute(app: FastifyInstance, max: number): CountRefusals {
  const count = limitPerMinute(app, max);
  return async (request, work) => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof HttpProblem && error.status === 401) await count(request);
      throw error;
    }
  };
}
