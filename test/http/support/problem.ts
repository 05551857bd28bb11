import type { LightMyRequestResponse } from 'fastify';
import { problemSchema } from '../../../src/http/server/problems';

/** Asserts that an answer is a whole problem of the given status and code, and gives it. */
export function expectProblem(response: LightMyRequestResponse, status: number, code: string) {
  expect(`${response.statusCode} ${response.body}`).toMatch(new RegExp(`^${status} `));
  expect(response.headers['content-type']).toBe('application/problem+json');
  const problem = problemSchema.parse(response.json());
  expect(problem).toMatchObject({ status, code, type: `urn:problem-type:processor-link:${code}` });
  if (status === 503 || status === 429) expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  return problem;
}
