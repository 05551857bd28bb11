// Compiles against the generated types alone: what a caller in TypeScript would write.
import type { components, operations } from './schema.d.ts';

type Schemas = components['schemas'];

export const byPublicToken: Schemas['StartLink'] = {
  userId: 'alice',
  publicToken: 'public-sandbox-1',
  jobs: ['employer-classification'],
};
export const byAccessToken: Schemas['StartLink'] = {
  userId: 'alice',
  accessToken: 'access-sandbox-1',
  jobs: ['recurrence-detection'],
};
// @ts-expect-error One token is needed.
export const byNone: Schemas['StartLink'] = { userId: 'alice', jobs: ['recurrence-detection'] };

/** One type for each enum, wherever it is used. */
export function isSettled(link: Schemas['LinkView']): boolean {
  const states: (Schemas['JobState'] | undefined)[] = Object.values(link.jobs).map(({ state }) => state);
  return states.every((state) => state === 'completed' || state === 'failed');
}

export function codeOf(
  refusal: operations['startLink']['responses'][409]['content']['application/problem+json'],
): Schemas['ProblemCode'] {
  return refusal.code;
}

type Filter = NonNullable<operations['listLinks']['parameters']['query']>;
export const filter: Filter = { state: 'waiting', errorCode: 'sign_in_required', pageSize: 10 };
