/** Every check there is, those that do not wait for another at the same time. */
import type { WorkflowClient } from '@temporalio/client';
import type { Atomic, Plaid } from '../../providers/types';
import type { PayloadReader } from '../links/payload-reader';
import { stuckLinks } from '../links/stuck-links';
import { type Check, fine, wrong } from './check';
import { askWorker, checkKeys } from './keys-check';
import { checkAtomic, checkAtomicfi, checkPlaid, DOCTOR_USER } from './provider-checks';
import { checkClock, checkPublicUrl, watchPlaidWebhooks } from './public-url-checks';
import {
  cheapTemporalChecks,
  checkLinks,
  checkReachable,
  checkWorkers,
  readPollers,
  type TemporalPlace,
} from './temporal-checks';

export interface DoctorOptions {
  place: TemporalPlace;
  client: WorkflowClient;
  read: PayloadReader;
  /** Of the keys of this process. */
  keysDigest: string;
  resultOverdueAfterMs: number;
  plaid: { calls: Plaid; baseUrl: string } | undefined;
  atomic: Atomic | undefined;
  publicUrl: string;
  /** One of those that Atomic may sign with. */
  webhookSecret: string | undefined;
}

/** Leaves nothing behind: what it makes at Plaid it removes again. */
export async function examine(options: DoctorOptions): Promise<Check[]> {
  const [ofTemporal, ofProviders] = await Promise.all([temporalChecks(options), providerChecks(options)]);
  return [...ofTemporal, ...ofProviders];
}

async function temporalChecks({
  place,
  client,
  read,
  keysDigest,
  resultOverdueAfterMs,
  publicUrl,
}: DoctorOptions): Promise<Check[]> {
  const reachable = await checkReachable(place);
  if (!reachable.ok) return [reachable];
  const [asked, stuck, pollers] = [
    askWorker(client),
    stuckLinks({ ...place, read, resultOverdueAfterMs }),
    readPollers(place),
  ];
  // Each is awaited by the checks that it is for.
  for (const looking of [asked, stuck, pollers]) looking.catch(() => undefined);
  const isAlive = async () => {
    const { kind } = await asked;
    return kind === 'no_link' ? undefined : kind !== 'silent';
  };
  const [cheap, workers, keys, links] = await Promise.all([
    cheapTemporalChecks(place),
    checkWorkers(place, { pollers, isAlive }),
    checkKeys({ keysDigest, asked, stuck, pollers, publicUrl }),
    checkLinks(place, stuck),
  ]);
  return [reachable, ...cheap, workers, keys, links];
}

async function providerChecks(options: DoctorOptions): Promise<Check[]> {
  const { plaid, atomic, publicUrl, webhookSecret } = options;
  const groups = await Promise.all([
    plaid ? plaidChecks(plaid, publicUrl) : [notSet('plaid-keys', 'PLAID_CLIENT_ID and PLAID_SECRET')],
    atomic ? checkAtomic(atomic) : notSet('atomic-keys', 'ATOMIC_API_KEY and ATOMIC_API_SECRET'),
    checkPublicUrl(publicUrl, webhookSecret),
  ]);
  return groups.flat();
}

async function plaidChecks(
  { calls, baseUrl }: NonNullable<DoctorOptions['plaid']>,
  publicUrl: string,
): Promise<Check[]> {
  const webhookUrl = `${publicUrl}/webhooks/plaid/${DOCTOR_USER}`;
  const hasArrived = await watchPlaidWebhooks(publicUrl);
  const groups = await Promise.all([
    checkPlaid(calls, webhookUrl),
    checkAtomicfi(calls, { baseUrl, webhookUrl, hasArrived }),
    checkClock(baseUrl),
  ]);
  return groups.flat();
}

function notSet(name: string, settings: string): Check {
  return { name, ...wrong(`${settings} are not set here.`, `Set ${settings}.`) };
}

/** The settings could be read. */
export const SETTINGS_CHECK: Check = { name: 'settings', ...fine('The settings are complete.') };
