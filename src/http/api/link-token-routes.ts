import type { ProblemCode } from '../../contract/failures';
import { linkTokenSchema } from '../../contract/schemas';
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
          'Asks for Transactions, 180 days of them, in the US and in English. With `mode: update` the token opens ' +
          'Link in update mode, for a link in `needs_attention`.',
        tag: 'Linking',
        access: 'key',
        answers: { 200: { description: 'A Link token.', schema: linkTokenSchema } },
        problems: ['not_linked', 'not_needed', ...PLAID_PROBLEMS, 'temporal_unavailable'],
      },
      { body: linkTokenRequestSchema },
      async ({ body: { userId, mode } }, { requestId }) => {
        const token =
          mode === 'update'
            ? await links.createRepairLinkToken(userId, { requestId })
            : await createLinkToken({ userId, webhookUrl: webhookUrlOf(publicUrl, userId) }, { requestId });
        return { status: 200, body: token };
      },
    ),
  ];
}

/** Where Plaid sends the webhooks of a user's Item. User ids need no encoding in a path. */
function webhookUrlOf(publicUrl: string, userId: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/webhooks/plaid/${userId}`;
}
