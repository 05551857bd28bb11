import type { z } from 'zod';
import type { Problem } from './problems';

const MAX_ERRORS = 20;
const MAX_KEY_LENGTH = 100;

/** Zod's issues as `errors` of a problem, by dotted path; `body` is the path of what is wrong as a whole. */
export function inputErrors(issues: readonly z.core.$ZodIssue[]): NonNullable<Problem['errors']> {
  return issues
    .flatMap((issue) => {
      const path = issue.path.map(String);
      if (issue.code !== 'unrecognized_keys') {
        return [{ path: path.join('.') || 'body', message: issue.message }];
      }
      return issue.keys.map((key) => ({
        path: [...path, key.slice(0, MAX_KEY_LENGTH)].join('.'),
        message: 'is not a known field',
      }));
    })
    .slice(0, MAX_ERRORS);
}
