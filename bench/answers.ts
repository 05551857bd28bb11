/** What the processes of the benchmark answer with. */
import { z } from 'zod';

/** MiB. */
export const memorySchema = z.object({ rss: z.number(), heapUsed: z.number() });

/** Users that the stand-ins have seen, and how often; `retries` are webhooks that had to be sent again. */
export const countSchema = z.object({
  users: z.number(),
  registeredOnce: z.number(),
  fetchedOnce: z.number(),
  doubled: z.number(),
  retries: z.number(),
});

export const loopOutcomeSchema = z.object({
  links: z.number(),
  tookMs: z.number(),
  started: z.array(z.object({ userId: z.string(), calledAtMs: z.number() })),
});
