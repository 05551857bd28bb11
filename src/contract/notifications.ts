import type { FailureCode, WarningCode } from './failures';
import type { Job } from './jobs';
import type { JobState, LinkState } from './states';

/** Notifications to the caller, as Standard Webhooks: thin, with ids and states only. */
export const NOTIFICATION_TYPES = [
  'job.completed',
  'job.failed',
  'link.needs_attention',
  'link.recovered',
  'link.warning',
  'link.failed',
  'link.unlinked',
] as const;
export type NotificationType = (typeof NOTIFICATION_TYPES)[number];

export interface NotificationEvent {
  /** `webhook-id`, the same over all attempts. */
  id: string;
  type: NotificationType;
  /** ISO 8601, when it happened. */
  timestamp: string;
  data: {
    userId: string;
    /** Of the run that it happened in. */
    runId?: string;
    job?: Job;
    state: LinkState | JobState;
    code?: FailureCode | WarningCode;
  };
}
