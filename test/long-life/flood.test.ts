/** A link whose webhooks pile up. As many as a run of it could not take are in `flood.long.test.ts`. */
import { takesAFlood } from './flood';

takesAFlood('takes 400 webhooks, half of them second deliveries, and still finishes, in several runs', {
  webhooks: 400,
  historyEvents: 150,
});
