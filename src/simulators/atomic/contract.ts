import { z } from 'zod';
import type { Job } from '../../contract/jobs';

/**
 * The parts of Atomic's contract that its public pages do not settle. The defaults are the likeliest reading;
 * tests set others.
 */
export interface AtomicSimulatorContract {
  /** The field of POST /plaid/processor-link that holds the processor token. Default `processorToken`. */
  tokenField: string;
  /** Where DELETE /plaid/processor-link names the user. Default `body`. */
  deleteIdentifierIn: 'body' | 'query' | 'path';
  /** Where results are read; `{identifier}` stands for the user. */
  resultPaths: Readonly<Record<Job, string>>;
  /** Whether a result is the content of `data`. Default true. */
  resultsWrapped: boolean;
}

export const ASSUMED_ATOMIC_CONTRACT: AtomicSimulatorContract = {
  tokenField: 'processorToken',
  deleteIdentifierIn: 'body',
  resultPaths: {
    'employer-classification': '/employer-matches/{identifier}',
    'recurrence-detection': '/recurring-financial-transactions/{identifier}',
  },
  resultsWrapped: true,
};

export const atomicSettingsSchema = z.strictObject({
  /** From a registration to the end of its job; `manual` waits for `completeJob`. */
  jobDelayMs: z.union([z.number().min(0), z.literal('manual')]),
  /** What the result endpoint answers until the job has finished. */
  beforeResult: z.enum(['404', 'empty']),
  /** How long after the job's end (and its webhook) the result can be read. */
  resultLagMs: z.number().min(0),
  /** Whether a user has to be made by POST /access-token before anything can be registered. */
  userMustExist: z.boolean(),
  /** Whether results can still be read after DELETE. */
  keepResultsAfterRemoval: z.boolean(),
});
/** How the simulator behaves; may be changed at any time. */
export type AtomicSettings = z.infer<typeof atomicSettingsSchema>;

export const DEFAULT_ATOMIC_SETTINGS: AtomicSettings = {
  jobDelayMs: 20,
  beforeResult: '404',
  resultLagMs: 0,
  userMustExist: false,
  keepResultsAfterRemoval: false,
};
