/**
 * `processor-link-client`: what a backend imports to start, read and end links without the HTTP API.
 *
 * ```ts
 * const links = await LinkClient.connect({
 *   address: 'localhost:7233',
 *   encryptionKeys: process.env.ENCRYPTION_KEYS ?? '',
 * });
 * const { link } = await links.start({
 *   userId: 'alice',
 *   publicToken: 'public-sandbox-8ab976e6-64bc-4b38-98f7-731e7a349970',
 *   accountId: 'BxBXxLj1m4HMXBm9WZZmCWVbPjX16EHwv99vp',
 *   jobs: ['employer-classification'],
 * });
 * const { state, result } = await links.waitForJob(link.userId, 'employer-classification', { waitMs: 60_000 });
 * await links.unlink('alice', { waitMs: 60_000 });
 * ```
 */
export {
  type Action,
  FAILURE_CODES,
  type FailureCode,
  type LinkError,
  PROBLEM_CODES,
  type ProblemCode,
} from '../contract/failures';
export { JOBS, type Job } from '../contract/jobs';
export type {
  AccountChoice,
  Erasure,
  JobResult,
  JobView,
  LinkSummary,
  LinkToken,
  LinkView,
  StartLink,
} from '../contract/schemas';
export { JOB_STATES, type JobState, LINK_STATES, type LinkState } from '../contract/states';
export { DecryptionError } from '../encryption/authenticated-encryption';
export { createClientDataConverter } from '../encryption/client-data-converter';
export { KeyRing, KeyRingFormatError, parseKeyRing, UnknownKeyError } from '../encryption/key-ring';
export { PayloadRefusedError } from '../encryption/payload-codec';
export type { EraseOptions } from './erase-user';
export { FakeLinkClient } from './fake-link-client';
export type { WaitOptions } from './job-waiter';
export { type ConnectOptions, LinkClient, type LinkClientOptions } from './link-client';
export { LinkClientError } from './link-client-error';
export type { LinkPage, ListLinks } from './link-list';
export type { Links } from './links';
export type { UnlinkOptions } from './unlink';
