import { PLAID_SIGNATURE_HEADER } from '../../contract/names';
import { parsePlaidWebhook } from '../../webhooks/plaid-event';
import { withinTemporalDeadline } from '../server/deadline';
import type { WebhookMetrics } from '../server/metrics';
import { HttpProblem } from '../server/problems';
import type { AppDeps } from './deps';
import { receivedSchema, userParamsSchema } from './schemas';
import type { WebhookRoute } from './webhook-routes';

/** `POST /webhooks/plaid/:userId`: Plaid says something of a user's Item. It takes 200 alone for an answer. */
export function plaidWebhookRoute(
  { links, verifyPlaidWebhook, plaidEnvironment }: AppDeps,
  metrics: WebhookMetrics,
): WebhookRoute {
  return {
    method: 'POST',
    url: '/webhooks/plaid/:userId',
    operationId: 'receivePlaidWebhook',
    summary: "Receive Plaid's webhooks for a user's Item",
    description:
      'Plaid gets this address with the Link token. Events that need no action, or for another Item, are also answered 200.',
    tag: 'Webhooks',
    access: 'signature',
    params: userParamsSchema,
    requestHeaders: { [PLAID_SIGNATURE_HEADER]: 'ES256 JWT with the SHA-256 of the raw body.' },
    answers: { 200: { description: 'Plaid need not send it again.', schema: receivedSchema } },
    problems: ['temporal_unavailable', 'provider_unavailable'],
    take: async ({ rawBody, request }) => {
      const params = userParamsSchema.safeParse(request.params);
      const verdict = await verifyPlaidWebhook(rawBody, request.headers[PLAID_SIGNATURE_HEADER], {
        budget: `${request.ip} ${params.data?.userId ?? ''}`,
        mayLookUp: async () =>
          params.success && withinTemporalDeadline(links.hasOpenLink(params.data.userId)),
      });
      if (!verdict.ok) {
        metrics.count('plaid', verdict.reason);
        throw new HttpProblem(verdict.unavailable ? 'provider_unavailable' : 'invalid_signature');
      }
      const webhook = parsePlaidWebhook(rawBody, plaidEnvironment);
      if (!params.success || !webhook.ok) {
        metrics.count('plaid', 'invalid_body');
        const errors = webhook.ok ? [] : webhook.errors;
        throw new HttpProblem('invalid_request', {
          errors: params.success ? errors : [{ path: 'userId', message: 'is not a user id' }, ...errors],
        });
      }
      const { userId } = params.data;
      const { event } = webhook;
      if (event.kind === 'ignored') {
        metrics.count('plaid', 'ignored');
        const { webhookType, webhookCode } = event;
        request.logged = { userId, webhookType, webhookCode, outcome: 'ignored' };
        return;
      }
      try {
        const signal = links.signalPlaidWebhook(userId, event, { requestId: request.id });
        const outcome = await withinTemporalDeadline(signal);
        metrics.count('plaid', outcome);
        const { kind, itemId, bodySha256 } = event;
        request.logged = { userId, kind, itemId, bodySha256, outcome };
      } catch (error) {
        metrics.count('plaid', 'not_taken');
        throw error;
      }
    },
  };
}
