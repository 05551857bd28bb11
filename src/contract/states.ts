/** States of a link, in the order of a link's life. See `LINK_EDGES` for the moves between them. */
export const LINK_STATES = [
  'exchanging',
  'creating_processor_token',
  'registering',
  'waiting',
  'linked',
  'needs_attention',
  'unlinking',
  'unlinked',
  'failed',
] as const;
export type LinkState = (typeof LINK_STATES)[number];

/** States that a link never leaves: its workflow has closed, or is about to in the same task. */
const FINAL_LINK_STATES = ['unlinked', 'failed'] as const satisfies readonly LinkState[];

export function isFinal(state: LinkState): boolean {
  return FINAL_LINK_STATES.some((final) => final === state);
}

/** States that last, as Temporal's index has them: the three of a link's first moments are `waiting` there. */
export const INDEXED_LINK_STATES = [
  'waiting',
  'linked',
  'needs_attention',
  'unlinking',
  'unlinked',
  'failed',
] as const satisfies readonly LinkState[];
export type IndexedLinkState = (typeof INDEXED_LINK_STATES)[number];

export const JOB_STATES = ['pending', 'registered', 'fetching', 'completed', 'failed'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** A settled job has nothing under way: a webhook or a new request can still start it again. */
export function isSettled(state: JobState): boolean {
  return state === 'completed' || state === 'failed';
}
