import { SIGNALS } from '../../contract/names';
import { createTokenOpener } from '../../encryption/token-sealer';
import { forgetLink } from '../../operator/links/forget';
import { allLinksQuery, endedLinksQuery } from '../../operator/links/open-links';
import {
  eraseUser,
  fetchResults,
  IDENTITY,
  renewLink,
  rerunJobs,
  retryLink,
  unlink,
} from '../../operator/links/repairs';
import { StartError } from '../../process/start-error';
import { atomicOf, plaidOf, sealingKeysOf } from '../../process/wiring';
import type { LinkAction } from './act';
import type { LinksSession } from './session';

const ERASE_WAIT_MS = 60_000;

/** Commands that change links, by their names. */
export const ACTIONS: readonly LinkAction[] = [
  {
    name: 'retry',
    does: 'try at once what is pending, or waits before its next start',
    actOn: retryLink,
  },
  { name: 'fetch', does: 'ask Atomic now for the results that are waited for', actOn: fetchResults },
  {
    name: 'rerun',
    does: 'run the named job again, or each that failed',
    actOn: (session, userId, { job }) => rerunJobs(session, userId, job),
    takesJob: true,
  },
  {
    name: 'renew',
    does: 'continue as new: old results and keys leave the open history',
    actOn: renewLink,
    batch: { signalOperation: { signal: SIGNALS.renew, identity: IDENTITY } },
  },
  {
    name: 'unlink',
    does: "unlink: end Atomic's access and remove the Item",
    actOn: unlink,
    batch: { cancellationOperation: { identity: IDENTITY } },
  },
  {
    name: 'erase',
    does: 'unlink, and delete all that Temporal holds of the user',
    actOn: (session, userId, { query }) =>
      eraseUser(session, userId, query === undefined ? ERASE_WAIT_MS : 0),
    among: allLinksQuery,
  },
  {
    name: 'forget',
    does: "after a terminate: end Atomic's access and remove the Item",
    actOn: forget,
    among: endedLinksQuery,
  },
];

async function forget(session: LinksSession, userId: string): Promise<string> {
  const { keyRing, namespace, settings } = session;
  if (!settings.plaid || !settings.atomic) {
    throw new StartError('forget calls Plaid and Atomic: set PLAID_* and ATOMIC_* as for a worker.');
  }
  const plaid = plaidOf(settings.plaid);
  const atomic = atomicOf(settings.atomic);
  const sealer = createTokenOpener({ keys: sealingKeysOf(settings, keyRing), namespace });
  return forgetLink({ ...session, sealer, plaid, atomic }, userId);
}
