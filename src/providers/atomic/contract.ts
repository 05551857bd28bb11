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

/**
 * Where a request names the user: in a JSON body (some proxies drop that of a DELETE or a GET), in the query, in the path,
 * or by a public token from `POST /access-token` in the header `x-public-token`, which then stands for key and secret.
 */
export const USER_PLACES = ['body', 'query', 'path', 'public_token'] as const;
export type UserPlace = (typeof USER_PLACES)[number];

export interface AtomicContract {
  /** Field of `POST /plaid/processor-link` that holds the processor token. */
  tokenField: string;
  /** Field, or query parameter, that names the user. */
  userField: string;
  deleteUserIn: UserPlace;
  resultsUserIn: UserPlace;
  /** Path of a job's result. Where the path names the user, `{identifier}` stands for the id, URL-encoded. */
  resultPaths: Readonly<Record<Job, string>>;
}

/** Where the path does not name the user, the newer style of Atomic's PayLink is the likeliest. */
const RESULT_PATHS = {
  namingTheUser: {
    'employer-classification': '/employer-matches/{identifier}',
    'recurrence-detection': '/recurring-financial-transactions/{identifier}',
  },
  namingNobody: {
    'employer-classification': '/employer-matches',
    'recurrence-detection': '/pay-link/financial-transactions/recurring',
  },
} as const satisfies Record<string, Record<Job, string>>;

export const DEFAULT_ATOMIC_CONTRACT: AtomicContract = {
  tokenField: 'processorToken',
  userField: 'identifier',
  deleteUserIn: 'body',
  resultsUserIn: 'path',
  resultPaths: RESULT_PATHS.namingTheUser,
};

/** What differs from {@link DEFAULT_ATOMIC_CONTRACT}; undefined keeps the default. */
export interface AtomicContractOverride {
  tokenField?: string | undefined;
  userField?: string | undefined;
  deleteUserIn?: UserPlace | undefined;
  resultsUserIn?: UserPlace | undefined;
  resultPaths?: { readonly [job in Job]?: string | undefined } | undefined;
}

/**
 * A path from the root. It holds `{identifier}` exactly where the path names the user: without it every user would be
 * given the same result.
 */
export function isResultPath(
  path: string,
  resultsUserIn: UserPlace = DEFAULT_ATOMIC_CONTRACT.resultsUserIn,
): boolean {
  return /^\/[\x21-\x7e]*$/.test(path) && path.includes('{identifier}') === (resultsUserIn === 'path');
}

/** The contract with the override laid over the defaults. Throws when a result path is not valid. */
export function atomicContract(override: AtomicContractOverride = {}): AtomicContract {
  const { resultsUserIn = DEFAULT_ATOMIC_CONTRACT.resultsUserIn } = override;
  const namesUser = resultsUserIn === 'path';
  const resultPaths: Record<Job, string> = {
    ...(namesUser ? RESULT_PATHS.namingTheUser : RESULT_PATHS.namingNobody),
  };
  for (const job of JOBS) {
    const path = override.resultPaths?.[job] ?? resultPaths[job];
    if (!isResultPath(path, resultsUserIn)) {
      const rule = namesUser ? 'hold {identifier}' : 'not hold {identifier}';
      throw new Error(`The result path of ${job} must begin with / and ${rule}`);
    }
    resultPaths[job] = path;
  }
  return {
    tokenField: override.tokenField ?? DEFAULT_ATOMIC_CONTRACT.tokenField,
    userField: override.userField ?? DEFAULT_ATOMIC_CONTRACT.userField,
    deleteUserIn: override.deleteUserIn ?? DEFAULT_ATOMIC_CONTRACT.deleteUserIn,
    resultsUserIn,
    resultPaths,
  };
}
