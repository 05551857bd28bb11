import rateLimit from '@fastify/rate-limit';
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpProblem } from '../server/problems';
import type { HttpLimits } from './deps';

const MINUTE_MS = 60_000;
// Counters are kept for that many keys or addresses; the least recently seen are forgotten.
const MAX_COUNTED = 20_000;

type Hook = (request: FastifyRequest) => Promise<void>;

export interface TrafficLimits {
  byKey: Hook;
  byAddress: Hook;
  webhooksByAddress: Hook;
}

/** Load shedding for every request but probes. */
export function shedLoad(app: FastifyInstance, limits: HttpLimits): void {
  const { maxEventLoopDelayMs: maxEventLoopDelay, maxHeapUsedBytes } = limits;
  if (maxEventLoopDelay === 0 && maxHeapUsedBytes === 0) return;
  app.register(underPressure, {
    maxEventLoopDelay,
    maxHeapUsedBytes,
    sampleInterval: 1000,
    pressureHandler: async (request) => {
      if (!request.routeOptions.config.isProbe) throw new HttpProblem('overloaded');
    },
  });
}

/** Loads the plugin that {@link trafficLimits} counts with. */
export function loadRateLimits(app: FastifyInstance): void {
  app.register(rateLimit, { global: false, cache: MAX_COUNTED });
}

/** `onRequest` hooks that answer 429 beyond the limits; they count in this process alone. */
export function trafficLimits(app: FastifyInstance, limits: HttpLimits): TrafficLimits {
  const limit = (max: number, keyOf?: (request: FastifyRequest) => string): Hook => {
    if (max === 0) return async () => {};
    const count = app.createRateLimit({
      max,
      timeWindow: MINUTE_MS,
      ...(keyOf && { keyGenerator: keyOf }),
    });
    return async (request) => {
      const counted = await count(request);
      if (counted.isAllowed || !counted.isExceeded) return;
      throw new HttpProblem('too_many_requests', { retryAfterSeconds: counted.ttlInSeconds });
    };
  };
  return {
    byKey: limit(limits.requestsPerMinutePerKey, (request) => request.caller ?? ''),
    byAddress: limit(limits.requestsPerMinutePerAddress),
    webhooksByAddress: limit(limits.webhooksPerMinutePerAddress),
  };
}
