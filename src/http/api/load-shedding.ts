import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { HttpProblem } from '../server/problems';
import type { HttpLimits } from './deps';

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
