import { ProviderError } from '../../src/providers/provider-error';

const FAILURE = {
  provider: 'plaid',
  operation: 'POST /accounts/get',
  failureClass: 'transient',
  code: 'TIMEOUT',
  ambiguous: true,
} as const;

it.each([
  [FAILURE, 'plaid POST /accounts/get: TIMEOUT'],
  [{ ...FAILURE, requestId: 'abc' }, 'plaid POST /accounts/get: TIMEOUT (request abc)'],
])('names the call, the code and the request, and keeps the failure as it is', (failure, message) => {
  const error = new ProviderError(failure);
  expect(error).toMatchObject({ name: 'ProviderError', message });
  expect(error.failure).toBe(failure);
});
