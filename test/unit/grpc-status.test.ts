import { GRPC_STATUS, mayPass, reasonOf } from '../../src/temporal/grpc-status';

function answer(code: number, details: string): Error {
  return Object.assign(new Error(`${code} ${details}`), { code, details, metadata: {} });
}

test.each([
  ['UNAVAILABLE', GRPC_STATUS.UNAVAILABLE],
  ['DEADLINE_EXCEEDED', GRPC_STATUS.DEADLINE_EXCEEDED],
  ['RESOURCE_EXHAUSTED', GRPC_STATUS.RESOURCE_EXHAUSTED],
  ['NOT_FOUND, as of a namespace that is on its way', GRPC_STATUS.NOT_FOUND],
])('Temporal may answer later after %s', (_, code) => {
  expect(mayPass(answer(code, 'away'))).toBe(true);
});

test.each([
  ['UNAUTHENTICATED', GRPC_STATUS.UNAUTHENTICATED],
  ['PERMISSION_DENIED', GRPC_STATUS.PERMISSION_DENIED],
  ['INVALID_ARGUMENT', GRPC_STATUS.INVALID_ARGUMENT],
])('waiting does not help after %s, whose reason is told', (_, code) => {
  const refusal = answer(code, 'Request unauthorized.');
  expect(mayPass(refusal)).toBe(false);
  expect(reasonOf(refusal)).toBe('Request unauthorized.');
});

test('a server that cannot be reached may be there later', () => {
  expect(mayPass(new Error('connect ECONNREFUSED'))).toBe(true);
});
