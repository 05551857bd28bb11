import type { FailureCode } from '../../contract/failures';
import type { LinkState } from '../../contract/states';

/** Why a link stands still, where it is not one of the failures that callers see. */
export type OperatorCode =
  | 'key_missing'
  | 'code_mismatch'
  | 'task_failing'
  | 'no_worker'
  | 'paused'
  | 'result_overdue';

/** Who has to act before the link can go on. */
export type Move = 'operator' | 'user' | 'plaid' | 'atomic' | 'bank' | 'nobody';

/** A line of `npm run links -- stuck`. */
export interface LinkRow {
  userId: string;
  state: LinkState;
  /** ISO 8601: since when it is so. */
  since: string;
  code: FailureCode | OperatorCode;
  cause: string;
  move: Move;
  /** What helps: a command of this service. */
  command: string;
}
