import fc from 'fast-check';
import type { FailureCode } from '../../src/contract/failures';
import type { FaultKind } from '../../src/simulators';

/** A fault of one provider's that strikes the next requests of the link. */
export interface PlannedFault {
  provider: 'plaid' | 'atomic';
  operation: string;
  kind: FaultKind;
  times: number;
}

export const REGISTER = 'POST /plaid/processor-link';
const RESULTS = ['GET employer-matches', 'GET recurring-financial-transactions'];
export const EXCHANGE = '/item/public_token/exchange';
const OTHER_PLAID_CALLS = [
  '/accounts/get',
  '/processor/token/create',
  '/item/get',
  '/item/remove',
  '/link/token/create',
];

/** Faults that pass: the step is tried again. */
const passing: readonly FaultKind[] = [
  'reset-before',
  'reset-after',
  'truncated',
  'html',
  { status: 500 },
  { status: 503, headers: { 'retry-after': '1' } },
  { delayMs: 30 },
  { delayMs: 900 },
];
const passingAtPlaid: readonly FaultKind[] = [...passing, { plaidError: 'INTERNAL_SERVER_ERROR' }];
const passingAtAtomic: readonly FaultKind[] = [...passing, { status: 429, headers: { 'retry-after': '1' } }];
/** Refusals by a gateway on the way, which are not in the provider's words. */
const pages: readonly FaultKind[] = [403, 404].map((status) => ({ status, body: '<html></html>' }));
/** Longer than a call may take, and no longer than a request may be on its way. A link waits half a minute after it. */
const tooSlow: readonly FaultKind[] = [{ delayMs: 3_500 }];
/** An operator has to mend it, and does. It is tried again after half a minute. */
const configuration: Readonly<Record<PlannedFault['provider'], readonly FaultKind[]>> = {
  plaid: [{ plaidError: 'INVALID_API_KEYS' }, { plaidError: 'INVALID_PRODUCT' }],
  atomic: [{ status: 401 }],
};
/** The user has to sign in at the bank again. */
const signIn: readonly FaultKind[] = ['ITEM_LOGIN_REQUIRED', 'INVALID_ACCOUNT_ID', 'ITEM_LOCKED'].map(
  (plaidError) => ({ plaidError }),
);
/** Atomic will not have it: the job fails. */
const refusals: readonly FaultKind[] = [{ status: 400 }, { status: 422 }];
/** No result yet, and one that is too large. */
const noResult: readonly FaultKind[] = [{ status: 404 }, { hugeBodyBytes: 1_200_000 }];

function faults(
  provider: PlannedFault['provider'],
  operations: readonly string[],
  kinds: readonly FaultKind[],
): fc.Arbitrary<PlannedFault> {
  return fc.record({
    provider: fc.constant(provider),
    operation: fc.constantFrom(...operations),
    kind: fc.constantFrom(...kinds),
    times: fc.integer({ min: 1, max: 2 }),
  });
}

const DELETE = 'DELETE /plaid/processor-link';
/** What costs a link half a minute is played less often. */
const slowFault: fc.Arbitrary<PlannedFault> = fc.oneof(
  faults('atomic', [REGISTER], tooSlow),
  faults('atomic', [REGISTER, DELETE, ...RESULTS], configuration.atomic),
  faults('plaid', [EXCHANGE, ...OTHER_PLAID_CALLS], configuration.plaid),
  faults('plaid', [EXCHANGE], pages),
);

const quickFault: fc.Arbitrary<PlannedFault> = fc.oneof(
  faults('plaid', [EXCHANGE], passingAtPlaid),
  faults('plaid', OTHER_PLAID_CALLS, passingAtPlaid),
  faults('plaid', OTHER_PLAID_CALLS, pages),
  faults('plaid', ['/accounts/get', '/processor/token/create'], signIn),
  faults('atomic', [REGISTER, DELETE, ...RESULTS], passingAtAtomic),
  faults('atomic', [REGISTER, DELETE, ...RESULTS], pages),
  faults('atomic', [REGISTER, ...RESULTS], refusals),
  faults('atomic', RESULTS, noResult),
);

export const anyFault: fc.Arbitrary<PlannedFault> = fc.oneof(
  { arbitrary: quickFault, weight: 9 },
  { arbitrary: slowFault, weight: 1 },
);

/** What a fault may end the whole link with. */
export function fatalities({ operation, kind }: PlannedFault): FailureCode[] {
  if (operation === EXCHANGE) return ['relink_required', 'provider_unavailable', 'bank_unavailable'];
  const refuses = operation === REGISTER && refusals.includes(kind);
  return refuses ? ['provider_rejected'] : [];
}
