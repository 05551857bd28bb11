import type { ProblemCode } from '../../contract/failures';
import { linkTokenSchema } from '../../contract/schemas';
import { HttpProblem } from '../server/problems';
import { defineRoute, type Route } from '../server/route';
import type { AppDeps } from './deps';
import { linkTokenRequestSchema } from './schemas';

/** What Plaid can answer to a call about a link's Item. */
export const PLAID_PROBLEMS: readonly ProblemCode[] = [
  'sign_in_required',
  'relink_required',
  'access_revoked',
  'bank_not_supported',
  'bank_unavailable',
  'provider_rejected',
  'provider_unavailable',
];

export function linkTokenRoutes({ links, createLinkToken, publicUrl }: AppDeps): Route[] {
  return [
    defineRoute(
      {
        method: 'POST',
        url: '/v1/link-tokens',
        operationId: 'createLinkToken',
        summary: 'Get a token to open Plaid Link with',
        description:
          'Requests Transactions, with this service as the receiver of webhooks. With `mode: update` the token opens Link ' +
          'in update mode, for a link in `needs_attention`; without it, for a user who has no open link.',
        tag: 'Linking',
        access: 'link',
        answers: { 200: { description: 'A Link token.', schema: linkTokenSchema } },
        problems: ['already_linked', 'not_linked', 'not_needed', ...PLAID_PROBLEMS, 'temporal_unavailable'],
      },
      { body: linkTokenRequestSchema },
      async ({ body: { userId, mode, redirectUri, language } }, { requestId }) => {
        const appearance = {
          ...(redirectUri !== undefined && { redirectUri }),
          ...(language !== undefined && { language }),
        };
        if (mode === 'update') {
          return {
            status: 200,
            body: await links.createRepairLinkToken(userId, { ...appearance, requestId }),
          };
        }
        if (await links.hasOpenLink(userId, { requestId })) throw new HttpProblem('already_linked');
        const request = { userId, webhookUrl: webhookUrlOf(publicUrl, userId), ...appearance };
        return { status: 200, body: await createLinkToken(request, { requestId }) };
      },
    ),
  ];
}

/** Where Plaid sends the webhooks of a user's Item. User ids need no encoding in a path. */
function webhookUrlOf(publicUrl: string, userId: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/webhooks/plaid/${userId}`;
}
