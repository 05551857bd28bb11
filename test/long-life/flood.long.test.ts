/** One link, and more webhooks than a single run of it could take: Temporal refuses signals to a run after its 10,000th. */
import { takesAFlood } from './flood';

takesAFlood(
  'takes 9,000 webhooks, half of them second deliveries, and still finishes, with a bounded history',
  {
    webhooks: 9_000,
  },
);
