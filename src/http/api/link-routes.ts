import type { ProblemCode } from '../../contract/failures';
import { chooseAccountSchema, linkViewSchema, startLinkSchema } from '../../contract/schemas';
import { isFinal } from '../../contract/states';
import { HttpProblem } from '../server/problems';
import { defineRoute, type Route } from '../server/route';
import type { AppDeps } from './deps';
import { PLAID_PROBLEMS } from './link-token-routes';
import { linkListSchema, listQuerySchema, unlinkQuerySchema, userParamsSchema } from './schemas';

const TAG = 'Linking';
const TEMPORAL: ProblemCode = 'temporal_unavailable';

/** `closing` aborts when the server is about to stop: waits under way are then answered at once. */
export function linkRoutes({ links, plaidEnvironment }: AppDeps, closing: AbortSignal): Route[] {
  return [
    defineRoute(
      {
        method: 'POST',
        url: '/v1/links',
        operationId: 'startLink',
        summary: 'Link a user',
        description:
          'Starts the link with either the public token from Link or the access token of an Item that you already ' +
          'have. Safe to repeat: the same request, with its jobs in any order, finds the link that it started. With a ' +
          'public token, which is good for one link, it finds that link even after it has ended.',
        tag: TAG,
        access: 'link',
        answers: {
          202: {
            description: 'The link has been started.',
            schema: linkViewSchema,
            headers: { location: 'Where to read the link.' },
          },
          200: { description: 'The same request started this link before.', schema: linkViewSchema },
        },
        problems: ['already_linked', TEMPORAL],
      },
      { body: startLinkSchema },
      async ({ body }, { requestId }) => {
        const [path, token] =
          'publicToken' in body ? ['publicToken', body.publicToken] : ['accessToken', body.accessToken];
        if (token.split('-')[1] !== plaidEnvironment) {
          const message = `is not of Plaid's ${plaidEnvironment}, which this service uses`;
          throw new HttpProblem('invalid_request', { errors: [{ path, message }] });
        }
        const { link, created } = await links.start(body, { requestId });
        if (!created) return { status: 200, body: link };
        return { status: 202, body: link, headers: { location: `/v1/links/${link.userId}` } };
      },
    ),
    defineRoute(
      {
        method: 'GET',
        url: '/v1/links',
        operationId: 'listLinks',
        summary: 'Find links',
        description:
          'One row per user, for the newest run. Rows come from an index that lags behind the links by a moment. ' +
          'Where the key of a link is missing, `createdAt` is when its newest run started.',
        tag: TAG,
        access: 'read',
        answers: { 200: { description: 'A page of links.', schema: linkListSchema } },
        problems: [TEMPORAL],
      },
      { query: listQuerySchema },
      async ({ query: { state, job, errorCode, pageSize, pageToken } }, { requestId }) => {
        const page = await links.list(
          {
            pageSize,
            ...(state !== undefined && { state }),
            ...(job !== undefined && { job }),
            ...(errorCode !== undefined && { errorCode }),
            ...(pageToken !== undefined && { pageToken }),
          },
          { requestId },
        );
        return { status: 200, body: page };
      },
    ),
    defineRoute(
      {
        method: 'GET',
        url: '/v1/links/:userId',
        operationId: 'getLink',
        summary: 'Read a link',
        description: 'The newest link of the user, also after it has closed. Read results job by job.',
        tag: TAG,
        access: 'read',
        answers: { 200: { description: 'The link.', schema: linkViewSchema } },
        problems: ['link_not_found', TEMPORAL],
      },
      { params: userParamsSchema },
      async ({ params: { userId } }, { requestId }) => ({
        status: 200,
        body: await links.get(userId, { requestId }),
      }),
    ),
    defineRoute(
      {
        method: 'POST',
        url: '/v1/links/:userId/repaired',
        operationId: 'confirmRepair',
        summary: "Say that Link's update mode succeeded",
        description: 'Reads the Item. If the user has signed in again, the link continues where it stopped.',
        tag: TAG,
        access: 'link',
        answers: {
          202: { description: 'The link continues.', schema: linkViewSchema },
          200: { description: 'The link does not need a repair, or no longer does.', schema: linkViewSchema },
        },
        problems: ['still_needs_attention', 'not_linked', ...PLAID_PROBLEMS, TEMPORAL],
      },
      { params: userParamsSchema },
      async ({ params: { userId } }, { requestId }) => {
        const { link, alreadyRepaired } = await links.confirmRepair(userId, { requestId });
        return { status: alreadyRepaired ? 200 : 202, body: link };
      },
    ),
    defineRoute(
      {
        method: 'POST',
        url: '/v1/links/:userId/account',
        operationId: 'chooseAccount',
        summary: "Say which account is the user's choice",
        description:
          'If the link asks for an account (`error.action` is `choose_account`): one of the `choices` of the LinkView.',
        tag: TAG,
        access: 'link',
        answers: { 202: { description: 'The link continues with this account.', schema: linkViewSchema } },
        problems: ['account_not_found', 'not_needed', 'not_linked', TEMPORAL],
      },
      { params: userParamsSchema, body: chooseAccountSchema },
      async ({ params: { userId }, body: { accountId } }, { requestId }) => ({
        status: 202,
        body: await links.chooseAccount(userId, accountId, { requestId }),
      }),
    ),
    defineRoute(
      {
        method: 'DELETE',
        url: '/v1/links/:userId',
        operationId: 'unlink',
        summary: 'Unlink a user',
        description:
          'Ends the link in any state: Atomic removes the user, and the Item is removed if this service made it. ' +
          'The answer describes the link that was open when the request arrived, never a later one. Safe to repeat; ' +
          'send `runId` if the user may have been linked again meanwhile.',
        tag: TAG,
        access: 'link',
        answers: {
          202: { description: 'The link is being removed.', schema: linkViewSchema },
          200: {
            description: 'The link has ended as `unlinked`, or as `failed` if it had failed before.',
            schema: linkViewSchema,
          },
        },
        problems: ['link_not_found', 'not_linked', TEMPORAL],
      },
      { params: userParamsSchema, query: unlinkQuerySchema },
      async ({ params: { userId }, query: { waitSeconds, runId } }, { requestId }) => {
        const link = await links.unlink(userId, {
          waitMs: waitSeconds * 1000,
          ...(runId !== undefined && { runId }),
          signal: closing,
          requestId,
        });
        return { status: isFinal(link.state) ? 200 : 202, body: link };
      },
    ),
  ];
}
