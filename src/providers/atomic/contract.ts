/**
 * Everything that Atomic's public pages do not settle, in one place and as data. The defaults follow Atomic's
 * conventions elsewhere (camelCase fields, `identifier` for the caller's user id, `GET /<resource>/{identifier}`);
 * a setting corrects each without a change of code.
 */
import { JOBS, type Job } from '../../contract/jobs';

/** Atomic's hosts (docs.atomicfi.com). */
export const ATOMIC_BASE_URLS = {
  sandbox: 'https://sandbox-api.atomicfi.com',
  production: 'https://api.atomicfi.com',
} as const;

/** Where `DELETE /plaid/processor-link` names the user. Some proxies drop the body of a DELETE. */
export const DELETE_USER_PLACES = ['body', 'query', 'path'] as const;
export type DeleteUserPlace = (typeof DELETE_USER_PLACES)[number];
/** Where a request for a result names the user. */
export const RESULT_USER_PLACES = ['path'] as const;
export type ResultUserPlace = (typeof RESULT_USER_PLACES)[number];

export interface AtomicContract {
  /** Field of `POST /plaid/processor-link` that holds the processor token. */
  tokenField: string;
  /** Field, or query parameter, that names the user in both calls to `/plaid/processor-link`. */
  userField: string;
  deleteUserIn: DeleteUserPlace;
  /** Path of a job's result; `{identifier}` stands for the user's id, URL-encoded. */
  resultPaths: Readonly<Record<Job, string>>;
}

export const DEFAULT_ATOMIC_CONTRACT: AtomicContract = {
  tokenField: 'processorToken',
  userField: 'identifier',
  deleteUserIn: 'body',
  resultPaths: {
    'employer-classification': '/employer-matches/{identifier}',
    'recurrence-detection': '/recurring-financial-transactions/{identifier}',
  },
};

/** What differs from {@link DEFAULT_ATOMIC_CONTRACT}; undefined keeps the default. */
export interface AtomicContractOverride {
  tokenField?: string | undefined;
  userField?: string | undefined;
  deleteUserIn?: DeleteUserPlace | undefined;
  resultsUserIn?: ResultUserPlace | undefined;
  resultPaths?: { readonly [job in Job]?: string | undefined } | undefined;
}

/** A path from the root that holds `{identifier}`. Without it every user would be given the same result. */
export function isResultPath(path: string): boolean {
  return /^\/[\x21-\x7e]*$/.test(path) && path.includes('{identifier}');
}

/** The contract with the override laid over the defaults. Throws when a result path is none. */
export function atomicContract(override: AtomicContractOverride = {}): AtomicContract {
  const resultPaths = { ...DEFAULT_ATOMIC_CONTRACT.resultPaths };
  for (const job of JOBS) {
    const path = override.resultPaths?.[job] ?? resultPaths[job];
    if (!isResultPath(path))
      throw new Error(`The result path of ${job} must begin with / and hold {identifier}`);
    resultPaths[job] = path;
  }
  return {
    tokenField: override.tokenField ?? DEFAULT_ATOMIC_CONTRACT.tokenField,
    userField: override.userField ?? DEFAULT_ATOMIC_CONTRACT.userField,
    deleteUserIn: override.deleteUserIn ?? DEFAULT_ATOMIC_CONTRACT.deleteUserIn,
    resultPaths,
  };
}
