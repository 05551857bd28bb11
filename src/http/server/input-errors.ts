import type { z } from 'zod';
import type { Problem } from './problems';

const MAX_ERRORS = 20;
/** Names of unknown fields that may be repeated: a bank token, with its hyphens, is not one. */
const FIELD_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,39}$/;

/** Zod's issues as `errors` of a problem, by dotted path; `body` is the path of what is wrong as a whole. */
export function inputErrors(issues: readonly z.core.$ZodIssue[]): NonNullable<Problem['errors']> {
  return issues
    .flatMap((issue) => {
      const path = issue.path.map(String);
      if (issue.code !== 'unrecognized_keys') {
        return [{ path: path.join('.') || 'body', message: issue.message }];
      }
      return issue.keys.map((key) =>
        FIELD_NAME.test(key)
          ? { path: [...path, key].join('.'), message: 'is not a known field' }
          : { path: path.join('.') || 'body', message: 'has a field that is not known' },
      );
    })
    .slice(0, MAX_ERRORS);
}
