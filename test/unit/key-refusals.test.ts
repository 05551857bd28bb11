import { ProviderError, type ProviderFailure } from '../../src/providers/provider-error';
import { KeyRefusals } from '../../src/worker/key-refusals';

const ATOMIC = { provider: 'atomic', operation: 'POST /plaid/processor-link' } as const;
const PLAID = { provider: 'plaid', operation: 'POST /accounts/get' } as const;
const UNKNOWN_KEYS = { ...ATOMIC, failureClass: 'configuration', code: 'HTTP_401' } as const;

async function fails(refusals: KeyRefusals, failure: Omit<ProviderFailure, 'ambiguous'>): Promise<void> {
  const error = new ProviderError({ ...failure, ambiguous: false });
  await expect(refusals.watch(failure, () => Promise.reject(error))).rejects.toBe(error);
}

afterEach(() => jest.restoreAllMocks());

test('a provider that refuses the keys stands until it takes them', async () => {
  const refusals = new KeyRefusals();
  expect(refusals.standing).toBeUndefined();
  await fails(refusals, UNKNOWN_KEYS);
  await fails(refusals, { ...ATOMIC, failureClass: 'transient', code: 'HTTP_500' });
  await expect(refusals.watch(PLAID, async () => 'answer')).resolves.toBe('answer');
  expect(refusals.standing).toEqual({ provider: 'atomic', code: 'HTTP_401' });
  await refusals.watch(ATOMIC, async () => 'answer');
  expect(refusals.standing).toBeUndefined();
});

test('a refusal of anything else says that the keys were taken', async () => {
  const refusals = new KeyRefusals();
  await fails(refusals, { ...PLAID, failureClass: 'configuration', code: 'INVALID_API_KEYS' });
  expect(refusals.standing).toEqual({ provider: 'plaid', code: 'INVALID_API_KEYS' });
  await fails(refusals, { ...PLAID, failureClass: 'configuration', code: 'INVALID_PRODUCT' });
  expect(refusals.standing).toBeUndefined();
});

test('the page of a gateway says nothing of the keys', async () => {
  const refusals = new KeyRefusals();
  await fails(refusals, { ...UNKNOWN_KEYS, foreign: true });
  expect(refusals.standing).toBeUndefined();
});

test('a refusal is forgotten when nothing was asked for long: another worker may have been let in since', async () => {
  const refusals = new KeyRefusals();
  await fails(refusals, UNKNOWN_KEYS);
  jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 15 * 60_000);
  expect(refusals.standing).toBeUndefined();
});
