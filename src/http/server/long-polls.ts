import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpProblem } from './problems';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route takes `waitSeconds`. */
    mayWait?: boolean;
  }
}

const RETRY_AFTER_SECONDS = 5;

/** Whether the caller asked to wait for something. */
export function isLongPoll({ query, routeOptions }: FastifyRequest): boolean {
  if (!routeOptions.config.mayWait || typeof query !== 'object' || query === null) return false;
  return 'waitSeconds' in query && Number(query.waitSeconds) > 0;
}

/** Answers 429 to the long polls of a key beyond `max` that are under way in this process; 0 turns it off. */
export function limitLongPolls(max: number) {
  const underWay = new Map<string, number>();
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (max === 0 || !isLongPoll(request)) return;
    const { caller = '' } = request;
    const polls = underWay.get(caller) ?? 0;
    if (polls >= max) {
      const detail = 'Too many requests with this key are waiting.';
      throw new HttpProblem('too_many_requests', { detail, retryAfterSeconds: RETRY_AFTER_SECONDS });
    }
    underWay.set(caller, polls + 1);
    reply.raw.once('close', () => {
      const left = (underWay.get(caller) ?? 0) - 1;
      if (left > 0) underWay.set(caller, left);
      else underWay.delete(caller);
    });
  };
}
