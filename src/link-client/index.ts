/**
 * `processor-link/client`: what a backend imports to start, read and end links without the HTTP API.
 *
 * ```ts
 * const links = await LinkClient.connect({ address: 'localhost:7233', encryptionKeys: process.env.ENCRYPTION_KEYS });
 * const { link } = await links.start({ userId, publicToken, jobs: ['employer-classification'] });
 * const job = await links.waitForJob(userId, 'employer-classification', { waitMs: 60_000 });
 * ```
 */
export type { Action, FailureCode, LinkError, ProblemCode } from '../contract/failures';
export { JOBS, type Job } from '../contract/jobs';
export type {
  AccountChoice,
  JobResult,
  JobView,
  LinkSummary,
  LinkToken,
  LinkView,
  StartLink,
} from '../contract/schemas';
export type { JobState, LinkState } from '../contract/states';
export { type ConnectOptions, LinkClient, type LinkClientOptions } from './link-client';
export { LinkClientError } from './link-client-error';
export type { LinkPage, ListLinks } from './link-list';
