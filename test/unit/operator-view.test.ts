import { FAILURES } from '../../src/contract/failures';
import { type LinkFacts, newLink } from '../../workflows/facts';
import { detailsOf } from '../../workflows/operator-view';
import { linkFailure, type Reason } from '../../workflows/step-failure';

const SINCE = '2026-01-15T11:58:00.000Z';
const REFUSED: Reason = {
  code: 'configuration_error',
  details: {
    provider: 'plaid',
    providerCode: 'INVALID_API_KEYS',
    providerRequestId: 'request-1',
    failureClass: 'configuration',
    attempts: 3,
  },
};

const link = (facts: Partial<LinkFacts>): LinkFacts => ({
  ...newLink({ userId: 'ada', jobs: ['employer-classification', 'recurrence-detection'] }, SINCE),
  ...facts,
});

describe('what an operator reads of a link in the Temporal UI', () => {
  it('is what stands and since when, why, and what comes next', () => {
    expect(detailsOf(link({}))).toEqual([
      `**exchanging** since ${SINCE}; employer-classification: pending, recurrence-detection: pending`,
      'Why: nothing is wrong',
      'Next: a step is in progress',
    ]);
  });

  it('names provider, code and request of a failure, and whose move it is', () => {
    expect(detailsOf(link({ stalls: { exchangePublicToken: REFUSED } })).slice(1)).toEqual([
      'Why: configuration_error (plaid: INVALID_API_KEYS, request request-1)',
      'Next: an operator fixes keys or set-up; it is retried at least every 10 minutes',
    ]);
  });

  it('leaves a fault that may pass to the provider, and a sign-in to the user', () => {
    const passing: Reason = { code: 'provider_unavailable' };
    expect(detailsOf(link({ stalls: { exchangePublicToken: passing } }))[2]).toMatch(/retried automatically/);
    const attention = detailsOf(link({ sealedAccessToken: 'sealed', attention: 'sign_in_required' }));
    expect(attention.slice(1)).toEqual([
      'Why: sign_in_required',
      'Next: the user acts in Link, in update mode',
    ]);
    const unclear = { sealedAccessToken: 'sealed', attention: 'account_required' } as const;
    const choices = [{ accountId: 'account-1', name: 'Savings' }];
    expect(detailsOf(link({ ...unclear, choices }))[2]).toMatch(/the user chooses one of the accounts/);
    expect(detailsOf(link({ ...unclear, choices: [] }))[2]).toMatch(/the user acts in Link/);
  });
});

it('keeps the reason in the failure that a link ends with', () => {
  const { type, message, details } = linkFailure(REFUSED);
  expect(type).toBe('configuration_error');
  expect(message).toBe(
    `${FAILURES.configuration_error.message} [plaid: INVALID_API_KEYS, request request-1]`,
  );
  expect(details).toEqual([{ action: 'fix_configuration', ...REFUSED.details }]);
});
