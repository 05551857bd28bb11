import { erasureSchema } from '../../contract/schemas';
import { defineRoute, type Route } from '../server/route';
import type { LinkGateway } from './deps';
import { userParamsSchema, waitQuerySchema } from './schemas';

/** `closing` aborts when the server is about to stop: waits under way are then answered at once. */
export function userRoutes(links: LinkGateway, closing: AbortSignal): Route[] {
  return [
    defineRoute(
      {
        method: 'DELETE',
        url: '/v1/users/:userId',
        operationId: 'eraseUser',
        summary: 'Erase a user',
        description:
          'Unlinks the user, then deletes every run and notification of the user from Temporal. One closed run, with an id and ' +
          'times only, remains as evidence. Safe to repeat. A link that is started meanwhile is left alone.',
        tag: 'Linking',
        access: 'erase',
        answers: {
          202: { description: 'The erasure is in progress.', schema: erasureSchema },
          200: {
            description: 'Nothing is left of the user, or the user was never linked.',
            schema: erasureSchema,
          },
        },
        problems: ['temporal_unavailable'],
      },
      { params: userParamsSchema, query: waitQuerySchema },
      async ({ params: { userId }, query: { waitSeconds } }, { requestId }) => {
        const waitMs = waitSeconds * 1000;
        const erasure = await links.eraseUser(userId, { waitMs, signal: closing, requestId });
        return { status: erasure.erased ? 200 : 202, body: erasure };
      },
    ),
  ];
}
