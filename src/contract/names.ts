/** Names that more than one process has to agree on. Each exists here and nowhere else. */

export const WORKFLOW_TYPE = 'processorLink';
export const DEFAULT_TASK_QUEUE = 'processor-link';
const WORKFLOW_ID_PREFIX = 'processor-link/';

/** The workflow of a user: `processor-link/<userId>`. At most one run of it is open at a time. */
export function workflowIdOf(userId: string): string {
  return `${WORKFLOW_ID_PREFIX}${userId}`;
}

/** The user of a workflow id made by {@link workflowIdOf}; undefined for any other id. */
export function userIdOf(workflowId: string): string | undefined {
  return workflowId.startsWith(WORKFLOW_ID_PREFIX) ? workflowId.slice(WORKFLOW_ID_PREFIX.length) : undefined;
}

export const SIGNALS = {
  atomicWebhook: 'atomicWebhook',
  plaidWebhook: 'plaidWebhook',
  /** By an operator: the run continues as new as soon as it can. */
  renew: 'renew',
  /** By an operator: steps that wait before their next start are tried at once. */
  retryNow: 'retryNow',
} as const;
export const QUERIES = { getLink: 'getLink', getJobResult: 'getJobResult' } as const;
export const UPDATES = {
  runJob: 'runJob',
  waitForJob: 'waitForJob',
  createRepairLinkToken: 'createRepairLinkToken',
  confirmRepair: 'confirmRepair',
  chooseAccount: 'chooseAccount',
} as const;

/** Custom search attributes, readable by whoever may list workflows: opaque ids and states, nothing else. */
export const SEARCH_ATTRIBUTES = {
  linkState: 'LinkState',
  linkStateSince: 'LinkStateSince',
  linkError: 'LinkError',
  linkJobs: 'LinkJobs',
  plaidItemId: 'PlaidItemId',
} as const;

/** Their types, as Temporal's tools call them. */
export const SEARCH_ATTRIBUTE_TYPES = [
  [SEARCH_ATTRIBUTES.linkState, 'Keyword'],
  [SEARCH_ATTRIBUTES.linkStateSince, 'Datetime'],
  [SEARCH_ATTRIBUTES.linkError, 'Keyword'],
  [SEARCH_ATTRIBUTES.linkJobs, 'KeywordList'],
  [SEARCH_ATTRIBUTES.plaidItemId, 'Keyword'],
] as const;

/** Workflow that posts one notification to the caller; a child that outlives its link. */
export const NOTIFICATION_WORKFLOW_TYPE = 'notifyCaller';

/** Workflow that erases a user from Temporal. Its closed run is what stays. */
export const ERASE_WORKFLOW_TYPE = 'eraseUser';
const ERASE_ID_PREFIX = 'erase/';

/** The erasure of a user: `erase/<userId>`. At most one is open at a time. */
export function eraseIdOf(userId: string): string {
  return `${ERASE_ID_PREFIX}${userId}`;
}

/** The user of a workflow id made by {@link eraseIdOf}; undefined for any other id. */
export function erasedUserOf(workflowId: string): string | undefined {
  return workflowId.startsWith(ERASE_ID_PREFIX) ? workflowId.slice(ERASE_ID_PREFIX.length) : undefined;
}

/** Plaid's key for Atomic Financial. `atomic` is another company in the same list. */
export const PLAID_PROCESSOR = 'atomicfi';

/**
 * Follows a request from HTTP through the workflow to the providers: the header of all three. Not encrypted in Temporal,
 * and nothing but an id.
 */
export const REQUEST_ID_HEADER = 'x-request-id';
/** Follows a trace (W3C Trace Context) in the same way, as far as the steps. Ids alone, too. */
export const TRACE_HEADER = 'traceparent';

/** Headers of Atomic's webhooks. */
export const ATOMIC_SIGNATURE_HEADER = 'x-hmac-signature-sha-256';
export const ATOMIC_CE_TYPE_PREFIX = 'com.atomicfi.';
/** Header of Plaid's webhooks: an ES256 JWT over the raw body. */
export const PLAID_SIGNATURE_HEADER = 'plaid-verification';
