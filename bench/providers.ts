/** A process with the stand-ins of Plaid and Atomic. */
import { z } from 'zod';
import { takeCalls } from './child';
import { aim, count, listen, release } from './stand-ins';

const aimSchema = z.object({ webhookUrl: z.string(), hold: z.boolean() });

takeCalls({
  listen,
  aim: async (argument) => aim(aimSchema.parse(argument)),
  release,
  count: async () => count(),
});
