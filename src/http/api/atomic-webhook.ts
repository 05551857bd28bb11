import { ATOMIC_SIGNATURE_HEADER } from '../../contract/names';
import { parseAtomicWebhook } from '../../webhooks/atomic-event';
import { verifyAtomicSignature } from '../../webhooks/atomic-signature';
import { withinTemporalDeadline } from '../server/deadline';
import type { WebhookMetrics } from '../server/metrics';
import { HttpProblem } from '../server/problems';
import type { AppDeps } from './deps';
import { receivedSchema } from './schemas';
import type { WebhookRoute } from './webhook-routes';

/** `POST /webhooks/atomic`: Atomic says that a job of a user has finished. */
export function atomicWebhookRoute(
  { links, atomicWebhookSecrets, atomicEvents }: AppDeps,
  metrics: WebhookMetrics,
): WebhookRoute {
  return {
    method: 'POST',
    url: '/webhooks/atomic',
    operationId: 'receiveAtomicWebhook',
    summary: "Receive Atomic's webhooks",
    description:
      'A CloudEvent in binary mode. Events for unknown users or closed links, and events that need no action, are also ' +
      'answered 200. If `ce-type` is sent, it has to match `eventType`.',
    tag: 'Webhooks',
    access: 'signature',
    requestHeaders: {
      [ATOMIC_SIGNATURE_HEADER]: "Hex of HMAC-SHA256 over the raw body, keyed with one of Atomic's secrets.",
    },
    answers: { 200: { description: 'Atomic need not send it again.', schema: receivedSchema } },
    problems: ['temporal_unavailable'],
    take: async ({ rawBody, request }) => {
      const signature = request.headers[ATOMIC_SIGNATURE_HEADER];
      const verdict = verifyAtomicSignature(atomicWebhookSecrets(), rawBody, signature);
      if (!verdict.ok) {
        metrics.count('atomic', verdict.reason);
        throw new HttpProblem('invalid_signature');
      }
      const webhook = parseAtomicWebhook(rawBody, request.headers['ce-type'], atomicEvents);
      if (!webhook.ok) {
        metrics.count('atomic', 'invalid_body');
        throw new HttpProblem('invalid_request', { errors: webhook.errors });
      }
      const { event } = webhook;
      if (event.kind === 'ignored') {
        metrics.count('atomic', 'ignored');
        request.logged = { eventType: event.eventType, outcome: 'ignored' };
        return;
      }
      const { kind: _, userId, ...signal } = event;
      const { job, bodySha256, eventTime } = signal;
      try {
        const sent = links.signalAtomicWebhook(userId, signal, { requestId: request.id });
        const outcome = await withinTemporalDeadline(sent);
        metrics.count('atomic', outcome);
        if (outcome === 'delivered' && eventTime !== undefined) metrics.came(job, eventTime);
        request.logged = { userId, job, bodySha256, outcome };
      } catch (error) {
        metrics.count('atomic', 'not_taken');
        throw error;
      }
    },
  };
}
