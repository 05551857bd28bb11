import { z } from 'zod';
import type { Job } from '../../contract/jobs';

/**
 * The parts of Atomic's contract that its public pages do not settle. The defaults are the likeliest reading;
 * tests set others.
 */
export interface AtomicSimulatorContract {
  /** The field of POST /plaid/processor-link that holds the processor token. Default `processorToken`. */
  tokenField: string;
  /** The field or parameter that names the user. Default `identifier`. */
  userField: string;
  /** Where DELETE /plaid/processor-link names the user. Default `body`. */
  deleteIdentifierIn: IdentifierPlace;
  /** Where a request for a result names the user. Default `path`. */
  resultIdentifierIn: IdentifierPlace;
  /** Where results are read; `{identifier}` stands for the user where the path names it. */
  resultPaths: Readonly<Record<Job, string>>;
  /** Whether a result is the content of `data`. Default true. */
  resultsWrapped: boolean;
  /** The field of an object that a result's list stands in, by job; without it the list stands alone. */
  listNames: Readonly<Partial<Record<Job, string>>>;
  /** The event that reports a finished job. */
  eventTypes: Readonly<Record<Job, string>>;
  /** Where the status of a job that failed is told. Default `result`. */
  failureIn: 'event' | 'result';
}

/** `public_token`: in the header `x-public-token`, by a token from POST /access-token. */
export type IdentifierPlace = 'body' | 'query' | 'path' | 'public_token';

export const ASSUMED_ATOMIC_CONTRACT: AtomicSimulatorContract = {
  tokenField: 'processorToken',
  userField: 'identifier',
  deleteIdentifierIn: 'body',
  resultIdentifierIn: 'path',
  resultPaths: {
    'employer-classification': '/employer-matches/{identifier}',
    'recurrence-detection': '/recurring-financial-transactions/{identifier}',
  },
  resultsWrapped: true,
  listNames: {},
  eventTypes: {
    'employer-classification': 'employer-classification-completed',
    'recurrence-detection': 'recurring-transaction-detection-completed',
  },
  failureIn: 'result',
};

export const atomicSettingsSchema = z.strictObject({
  /** From a registration to the end of its job; `manual` waits for `completeJob`. */
  jobDelayMs: z.union([z.number().min(0), z.literal('manual')]),
  /** What the result endpoint answers until the job has finished. */
  beforeResult: z.enum(['404', 'empty', '202', 'processing']),
  /** Whether jobs that end from now on fail. */
  jobsFail: z.boolean(),
  /** How long after the job's end (and its webhook) the result can be read. */
  resultLagMs: z.number().min(0),
  /** Whether a user has to be made by POST /access-token before anything can be registered. */
  userMustExist: z.boolean(),
  /** Whether results can still be read after DELETE. */
  keepResultsAfterRemoval: z.boolean(),
});
/** How the simulator behaves; may be changed at any time. */
export type AtomicSimulatorSettings = z.infer<typeof atomicSettingsSchema>;

export const DEFAULT_ATOMIC_SETTINGS: AtomicSimulatorSettings = {
  jobDelayMs: 20,
  beforeResult: '404',
  jobsFail: false,
  resultLagMs: 0,
  userMustExist: false,
  keepResultsAfterRemoval: false,
};
