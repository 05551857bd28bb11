import { createECDH, randomBytes } from 'node:crypto';
import {
  QueryNotRegisteredError,
  type WorkflowHandle,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import type { Job } from '../../src/contract/jobs';
import { QUERIES, SIGNALS, UPDATES } from '../../src/contract/names';
import type { LinkView } from '../../src/contract/schemas';
import type {
  CreateRepairLinkTokenUpdate,
  JobReport,
  LinkAppearance,
  PlaidWebhookSignal,
  RepairLinkTokenAnswer,
} from '../../src/contract/workflow';
import { until } from './until';
import { within } from './within';

export const EMPLOYER: Job = 'employer-classification';
export const RECURRING: Job = 'recurrence-detection';

export type Handle = WorkflowHandleWithFirstExecutionRunId;

export const getLink = (handle: Handle): Promise<LinkView> =>
  within(
    'the LinkView',
    asked(() => handle.query<LinkView>(QUERIES.getLink)),
  );
/** A query that met new events of the link is refused once (`workflows/sdk/early-events.ts`). */
async function asked<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    if (error instanceof QueryNotRegisteredError) return query();
    throw error;
  }
}

/** The job's report, with its result parsed. */
export async function getJob(handle: Handle, job: Job): Promise<JobReport | null> {
  const report = await within(
    job,
    asked(() => handle.query<JobReport | null, [Job]>(QUERIES.getJobResult, job)),
  );
  return typeof report?.result === 'string' ? { ...report, result: JSON.parse(report.result) } : report;
}

/** Atomic's webhook, as the HTTP API passes it on; every call is another body unless `bodySha256` is given. */
export function webhook(
  handle: Handle,
  job: Job,
  bodySha256: string = randomBytes(32).toString('hex'),
): Promise<void> {
  return handle.signal(SIGNALS.atomicWebhook, { job, bodySha256 });
}

type Meaning = PlaidWebhookSignal extends infer S
  ? S extends unknown
    ? Omit<S, 'bodySha256'>
    : never
  : never;

/** Plaid's webhook, as the HTTP API passes it on; every call is another body unless `bodySha256` is given. */
export function plaidWebhook(
  handle: Pick<WorkflowHandle, 'signal'>,
  meaning: Meaning,
  bodySha256: string = randomBytes(32).toString('hex'),
): Promise<void> {
  return handle.signal(SIGNALS.plaidWebhook, { ...meaning, bodySha256 });
}

/** The key of somebody who asks for a Link token, for whom it does not matter to read it. */
export const REPLY_KEY: CreateRepairLinkTokenUpdate = {
  replyKey: createECDH('prime256v1').generateKeys().toString('base64url'),
};

/** Asks for a Link token of update mode. */
export function askForLinkToken(
  handle: Handle,
  appearance: LinkAppearance = {},
): Promise<RepairLinkTokenAnswer> {
  return handle.executeUpdate<RepairLinkTokenAnswer, [CreateRepairLinkTokenUpdate]>(
    UPDATES.createRepairLinkToken,
    { args: [{ ...REPLY_KEY, ...appearance }] },
  );
}

/** Resolves once the job is settled. */
export async function settled(handle: Handle, job: Job): Promise<JobReport | null> {
  await within(`${job} to settle`, handle.executeUpdate(UPDATES.waitForJob, { args: [{ job }] }));
  return getJob(handle, job);
}

/** Waits until the view satisfies the predicate: asked again as fast as the server answers. */
export const viewWhen = (handle: Handle, predicate: (view: LinkView) => boolean): Promise<LinkView> =>
  until(() => getLink(handle), predicate, { withinMs: 20_000, everyMs: 1 });

/** How the run ended, and as what. */
export async function outcome(handle: Handle): Promise<{ status: string; view: LinkView }> {
  await within(
    'the end of the run',
    handle.result().catch(() => undefined),
  );
  const { status } = await handle.describe();
  return { status: status.name, view: await getLink(handle) };
}
