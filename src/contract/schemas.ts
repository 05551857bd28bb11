/**
 * Shapes that cross a process boundary, as zod schemas: the HTTP API validates with them and its OpenAPI
 * document is made from them. Workflow code imports the types alone, so zod stays out of its bundle.
 */
import { z } from 'zod';
import { ACTIONS, FAILURE_CODES, WARNING_CODES } from './failures';
import { JOBS, type Job } from './jobs';
import { NOTIFICATION_TYPES } from './notifications';
import { INDEXED_LINK_STATES, JOB_STATES, LINK_STATES } from './states';

/** Rows of a page of links. */
export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 200;

export const userIdSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/,
    'must be 1 to 128 of A-Z a-z 0-9 _ . : -, the first a letter or digit',
  )
  .meta({
    description:
      "The caller's opaque id of a user. It is readable in Temporal: do not use anything that you would not log.",
  });

export const jobSchema = z.enum(JOBS).meta({ description: "Atomic's `job`." });

// One schema per enum: each is a named component of the OpenAPI document, so that generators make one type of it.
export const linkStateSchema = z.enum(LINK_STATES).meta({ description: 'The state of a link.' });
export const indexedLinkStateSchema = z
  .enum(INDEXED_LINK_STATES)
  .meta({ description: 'The lasting states of a link, as the index has them.' });
export const jobStateSchema = z.enum(JOB_STATES).meta({ description: 'The state of a job.' });
export const failureCodeSchema = z
  .enum(FAILURE_CODES)
  .meta({ description: 'Why a link or a job failed, or what it waits for.' });
export const actionSchema = z.enum(ACTIONS).meta({ description: 'What can be done about a failure.' });

/** Temporal's id of one run of a workflow. */
export const runIdSchema = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'must be a runId, as in a LinkView');

/** An ISO 8601 instant in UTC, as `Date.prototype.toISOString` writes it. */
export const timestampSchema = z.iso.datetime();

export const linkErrorSchema = z.strictObject({
  code: failureCodeSchema,
  message: z.string(),
  action: actionSchema.optional(),
});

export const jobViewSchema = z.strictObject({
  state: jobStateSchema,
  registeredAt: timestampSchema.optional(),
  completedAt: timestampSchema.optional(),
  via: z.enum(['webhook', 'poll']).optional(),
  error: linkErrorSchema.optional(),
});
export type JobView = z.infer<typeof jobViewSchema>;

/** An account that the user can choose where the link asks for one. */
export const accountChoiceSchema = z.strictObject({
  accountId: z.string(),
  name: z.string(),
  mask: z.string().optional(),
  subtype: z.string().optional(),
});
export type AccountChoice = z.infer<typeof accountChoiceSchema>;

export const warningCodeSchema = z.enum(WARNING_CODES).meta({ description: 'What the bank has announced.' });

export const linkWarningSchema = z.strictObject({
  code: warningCodeSchema,
  until: timestampSchema.optional(),
});

export const linkViewSchema = z.strictObject({
  userId: userIdSchema,
  state: linkStateSchema,
  itemId: z.string().optional(),
  accountId: z.string().optional(),
  jobs: z.partialRecord(jobSchema, jobViewSchema),
  error: linkErrorSchema.optional(),
  choices: z.array(accountChoiceSchema).optional().meta({
    description: 'The depository accounts of the Item, while `error.action` is `choose_account`.',
  }),
  warning: linkWarningSchema.optional(),
  workflowId: z.string(),
  runId: z.string(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
/** The public view of a link, over HTTP and by query. */
export type LinkView = z.infer<typeof linkViewSchema>;

/** A link as Temporal's index has it. It follows by a moment or two, and needs no worker. */
export const linkSummarySchema = z.strictObject({
  userId: userIdSchema,
  state: linkStateSchema,
  stateSince: timestampSchema,
  errorCode: failureCodeSchema
    .optional()
    .meta({ description: "The link's error code, or that of a failed job." }),
  jobs: z.array(jobSchema),
  itemId: z.string().optional(),
  workflowId: z.string(),
  runId: z.string(),
  createdAt: timestampSchema,
});
export type LinkSummary = z.infer<typeof linkSummarySchema>;

const tokenTail = '[A-Za-z0-9-]{1,200}';
export const publicTokenSchema = z
  .string()
  .regex(
    new RegExp(`^public-(sandbox|production)-${tokenTail}$`),
    'must be a Plaid public token: public-<environment>-<id>',
  );
export const accessTokenSchema = z
  .string()
  .regex(
    new RegExp(`^access-(sandbox|production)-${tokenTail}$`),
    'must be a Plaid access token: access-<environment>-<id>',
  );
export const accountIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,100}$/, 'must be a Plaid account_id');

const startLinkFields = {
  userId: userIdSchema,
  accountId: accountIdSchema.optional(),
  jobs: z
    .array(jobSchema)
    .min(1)
    .max(JOBS.length)
    .refine((jobs) => new Set(jobs).size === jobs.length, 'must not name a job twice')
    .meta({ uniqueItems: true }),
};

export const startLinkByPublicTokenSchema = z
  .strictObject({ ...startLinkFields, publicToken: publicTokenSchema })
  .meta({ description: 'With the public token from Link.' });
export const startLinkByAccessTokenSchema = z
  .strictObject({ ...startLinkFields, accessToken: accessTokenSchema })
  .meta({ description: 'With the access token of an Item that the caller already has.' });

/** The first step names the field that is wrong, which a choice between two objects cannot. */
export const startLinkSchema = z
  .strictObject({
    ...startLinkFields,
    publicToken: publicTokenSchema.optional(),
    accessToken: accessTokenSchema.optional(),
  })
  .refine((body) => (body.publicToken === undefined) !== (body.accessToken === undefined), {
    message: 'exactly one of publicToken and accessToken is required',
    path: ['publicToken'],
  })
  .pipe(z.xor([startLinkByPublicTokenSchema, startLinkByAccessTokenSchema]));
export type StartLink = z.input<typeof startLinkSchema>;

export const jobResultSchema = z.strictObject({
  job: jobSchema,
  state: jobStateSchema,
  result: z
    .unknown()
    .optional()
    .meta({
      description:
        "The content of Atomic's `data`, or the whole body where it has none: the same text, so that a number beyond " +
        '2^53 has all its digits. Parse it with a parser that keeps them.',
    }),
  error: linkErrorSchema.optional(),
});
/** One job's state and, when there is one, its newest result. */
export interface JobResult {
  job: Job;
  state: JobView['state'];
  /** {@link resultText}, parsed: numbers beyond 2^53 are rounded. */
  result?: unknown;
  /** The result as JSON text, exactly as Atomic sent it. */
  resultText?: string;
  error?: z.infer<typeof linkErrorSchema>;
}

export const chooseAccountSchema = z.strictObject({ accountId: accountIdSchema });

export const erasureSchema = z.strictObject({
  userId: userIdSchema,
  erased: z
    .boolean()
    .meta({ description: 'Nothing about the user is left in Temporal, except that the erasure took place.' }),
});
export type Erasure = z.infer<typeof erasureSchema>;

export const linkTokenSchema = z.strictObject({ linkToken: z.string(), expiration: z.string() });
export type LinkToken = z.infer<typeof linkTokenSchema>;

/** The body of a webhook to the caller: thin, so that whoever reads it learns ids and states alone. */
export const notificationSchema = z.strictObject({
  type: z.enum(NOTIFICATION_TYPES),
  timestamp: timestampSchema,
  data: z.strictObject({
    userId: userIdSchema,
    runId: z.string().optional(),
    job: jobSchema.optional(),
    state: z.union([linkStateSchema, jobStateSchema]),
    code: z.union([failureCodeSchema, warningCodeSchema]).optional(),
  }),
});
