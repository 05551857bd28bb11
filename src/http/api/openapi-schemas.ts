import type { z } from 'zod';
import {
  accountChoiceSchema,
  actionSchema,
  chooseAccountSchema,
  erasureSchema,
  failureCodeSchema,
  indexedLinkStateSchema,
  jobResultSchema,
  jobSchema,
  jobStateSchema,
  jobViewSchema,
  linkErrorSchema,
  linkStateSchema,
  linkSummarySchema,
  linkTokenSchema,
  linkViewSchema,
  linkWarningSchema,
  notificationSchema,
  startLinkByAccessTokenSchema,
  startLinkByPublicTokenSchema,
  startLinkSchema,
  warningCodeSchema,
} from '../../contract/schemas';
import { componentsOf, opened, refOf } from '../server/json-schema';
import { statusSchema } from '../server/probe-status';
import { inputErrorSchema, problemCodeSchema, problemSchema } from '../server/problems';
import {
  linkLanguageSchema,
  linkListSchema,
  linkTokenRequestSchema,
  receivedSchema,
  runJobRequestSchema,
} from './schemas';

/** Shared by requests and answers. */
const ENUMS = {
  Job: jobSchema,
  JobState: jobStateSchema,
  LinkState: linkStateSchema,
  IndexedLinkState: indexedLinkStateSchema,
  FailureCode: failureCodeSchema,
  WarningCode: warningCodeSchema,
  ProblemCode: problemCodeSchema,
  Action: actionSchema,
  LinkLanguage: linkLanguageSchema,
} satisfies Readonly<Record<string, z.ZodType>>;

/** An unknown field is refused. */
const REQUESTS = {
  StartLink: startLinkSchema,
  StartLinkByPublicToken: startLinkByPublicTokenSchema,
  StartLinkByAccessToken: startLinkByAccessTokenSchema,
  RunJob: runJobRequestSchema,
  ChooseAccount: chooseAccountSchema,
  LinkTokenRequest: linkTokenRequestSchema,
} satisfies Readonly<Record<string, z.ZodType>>;

/** What we send. Documented as open, so that a client made today takes what is added tomorrow. */
const ANSWERS = {
  LinkView: linkViewSchema,
  LinkList: linkListSchema,
  LinkSummary: linkSummarySchema,
  LinkError: linkErrorSchema,
  LinkWarning: linkWarningSchema,
  AccountChoice: accountChoiceSchema,
  JobView: jobViewSchema,
  JobResult: jobResultSchema,
  LinkToken: linkTokenSchema,
  Erasure: erasureSchema,
  Notification: notificationSchema,
  Received: receivedSchema,
  // Not `Status`: generators of Python make one variable of it and of its field.
  Health: statusSchema,
  Problem: problemSchema,
  InputError: inputErrorSchema,
} satisfies Readonly<Record<string, z.ZodType>>;

const NAMED_SCHEMAS: Readonly<Record<string, z.ZodType>> = { ...ENUMS, ...REQUESTS, ...ANSWERS };

/** The document's `components.schemas`. */
export function schemaComponents() {
  return Object.fromEntries(
    Object.entries(componentsOf(NAMED_SCHEMAS)).map(([name, schema]) => [
      name,
      name in ANSWERS ? opened(schema) : schema,
    ]),
  );
}

/** JSON Schemas of parameters, by name. */
export function parameterSchemas(schema: z.ZodObject) {
  return componentsOf({ ...NAMED_SCHEMAS, Parameters: schema }).Parameters?.properties ?? {};
}

/** Where the document has a schema. Throws for one that has no name in it. */
export function namedRef(schema: z.ZodType) {
  const name = Object.keys(NAMED_SCHEMAS).find((key) => NAMED_SCHEMAS[key] === schema);
  if (name === undefined) throw new Error('a schema of the HTTP API has no name in the OpenAPI document');
  return { $ref: refOf(name) };
}
