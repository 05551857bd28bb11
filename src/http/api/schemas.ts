import { z } from 'zod';
import { LINK_LANGUAGES } from '../../contract/plaid';
import {
  DEFAULT_PAGE_SIZE,
  failureCodeSchema,
  indexedLinkStateSchema,
  jobSchema,
  linkSummarySchema,
  MAX_PAGE_SIZE,
  runIdSchema,
  userIdSchema,
} from '../../contract/schemas';

/** Longest wait of a long poll, in seconds. */
const MAX_WAIT_SECONDS = 60;
const MAX_PAGE_TOKEN_LENGTH = 8192;

/** A whole number in a query, written as digits alone: no sign, exponent, blank or leading zero. */
function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^(0|[1-9][0-9]{0,8})$/, message)
    .transform(Number)
    .pipe(z.int().min(min, message).max(max, message));
}

export const userParamsSchema = z.strictObject({ userId: userIdSchema });
export const jobParamsSchema = z.strictObject({ userId: userIdSchema, job: jobSchema });

export const waitQuerySchema = z.strictObject({
  waitSeconds: wholeNumber(0, MAX_WAIT_SECONDS).default(0).meta({
    description: 'How many seconds to wait for the outcome before answering with the current state.',
  }),
});

export const unlinkQuerySchema = waitQuerySchema.extend({
  runId: runIdSchema.optional().meta({
    description:
      '`runId` of the link to end. A link that was started later is left alone, with 409 `not_linked`.',
  }),
});

export const listQuerySchema = z.strictObject({
  state: indexedLinkStateSchema.optional().meta({
    description: 'Only links in this state. A link in its first moments is found as `waiting`.',
  }),
  job: jobSchema.optional().meta({ description: 'Only links with this job.' }),
  errorCode: failureCodeSchema.optional().meta({
    description: 'Only links whose error, or whose failed job, has this code.',
  }),
  pageSize: wholeNumber(1, MAX_PAGE_SIZE)
    .default(DEFAULT_PAGE_SIZE)
    .meta({ description: 'Maximum number of rows per page.' }),
  pageToken: z
    .string()
    .min(1)
    .max(MAX_PAGE_TOKEN_LENGTH)
    .optional()
    .meta({ description: '`nextPageToken` of the previous page, with the same filters.' }),
});

export const linkListSchema = z.strictObject({
  links: z.array(linkSummarySchema),
  nextPageToken: z.string().optional().meta({ description: 'Absent on the last page.' }),
});

export const linkLanguageSchema = z
  .enum(LINK_LANGUAGES, `must be one of Link's languages: ${LINK_LANGUAGES.join(', ')}`)
  .meta({ description: 'Languages that Link supports.' });

export const linkTokenRequestSchema = z.strictObject({
  userId: userIdSchema,
  mode: z
    .literal('update')
    .optional()
    .meta({ description: "`update` repairs the user's link; without it the user links a bank." }),
  redirectUri: z
    .url({ protocol: /^https?$/ })
    .max(2_000)
    .optional()
    .meta({
      description: 'Where OAuth banks send the user back to: a URI that the Plaid Dashboard allows.',
    }),
  language: linkLanguageSchema
    .optional()
    .meta({ description: 'Language of Link, instead of `PLAID_LANGUAGE`.' }),
});

export const runJobRequestSchema = z.strictObject({ job: jobSchema });

export const receivedSchema = z.strictObject({ received: z.literal(true) });
