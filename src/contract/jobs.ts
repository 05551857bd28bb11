/** The values of Atomic's `job` field (Atomic's guide to Plaid processor tokens), in the order they are shown. */
export const JOBS = ['employer-classification', 'recurrence-detection'] as const;
export type Job = (typeof JOBS)[number];

/**
 * Atomic's webhook for a finished job. The names do not follow from the job's name, so they are a table
 * (`recurrence-detection` ends with `recurring-transaction-detection-completed`).
 */
export const EVENT_TYPE_OF_JOB: Readonly<Record<Job, string>> = {
  'employer-classification': 'employer-classification-completed',
  'recurrence-detection': 'recurring-transaction-detection-completed',
};

/** Names of the events that tell of a finished job: Atomic has renamed events before. */
export type JobEvents = Readonly<Record<Job, readonly string[]>>;

const DEFAULT_JOB_EVENTS: JobEvents = {
  'employer-classification': [EVENT_TYPE_OF_JOB['employer-classification']],
  'recurrence-detection': [EVENT_TYPE_OF_JOB['recurrence-detection']],
};

export function jobOfEventType(eventType: string, events: JobEvents = DEFAULT_JOB_EVENTS): Job | undefined {
  return JOBS.find((job) => events[job].includes(eventType));
}

export function isJob(value: unknown): value is Job {
  return JOBS.some((job) => job === value);
}
