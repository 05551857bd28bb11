import { fetchResults, IDENTITY, rerunJobs, retryLink, unlink } from '../../operator/links/repairs';
import type { LinkAction } from './act';

/** Commands that change links, by their names. */
export const ACTIONS: readonly LinkAction[] = [
  {
    name: 'retry',
    does: 'try pending steps at once',
    actOn: retryLink,
  },
  { name: 'fetch', does: 'ask Atomic now for the results that are waited for', actOn: fetchResults },
  {
    name: 'rerun',
    does: 'run the named job again, or each that failed',
    actOn: (session, userId, { job }) => rerunJobs(session, userId, job),
  },
  {
    name: 'unlink',
    does: "unlink: end Atomic's access and remove the Item",
    actOn: unlink,
    batch: { cancellationOperation: { identity: IDENTITY } },
  },
];
