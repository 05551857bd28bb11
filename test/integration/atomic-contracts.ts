import type { Job } from '../../src/contract/jobs';
import type { AtomicSimulatorContract, IdentifierPlace } from '../../src/simulators/atomic/contract';

/** A customer's Atomic: how it behaves, and the settings that fit the service to it. */
export interface Contract {
  name: string;
  contract: Partial<AtomicSimulatorContract>;
  settings: Readonly<Record<string, string>>;
}

const EMPLOYER: Job = 'employer-classification';
const RECURRING: Job = 'recurrence-detection';
const PLACES: readonly IdentifierPlace[] = ['body', 'query', 'path', 'public_token'];

/** Every way to name the user in both calls, with every shape of a list and every place of a failure. */
export const CONTRACTS: readonly Contract[] = PLACES.flatMap((deleteIdentifierIn) =>
  PLACES.flatMap((resultIdentifierIn) =>
    [true, false].flatMap((resultsWrapped) =>
      [true, false].map((isNamed, index): Contract => {
        const inPath = resultIdentifierIn === 'path' ? '/{identifier}' : '';
        const isRenamed = isNamed !== resultsWrapped;
        const resultPaths = {
          [EMPLOYER]: `/v${index}/matches${inPath}`,
          [RECURRING]: `/pay-link/financial-transactions/recurring${inPath}`,
        };
        const renamed = {
          tokenField: 'processor_token',
          userField: 'userIdentifier',
          eventTypes: { [EMPLOYER]: 'employer-classified', [RECURRING]: 'recurrence-detected' },
        };
        return {
          name:
            `DELETE by ${deleteIdentifierIn}, results by ${resultIdentifierIn}, ` +
            `${resultsWrapped ? 'in data' : 'bare'}, ${isNamed ? 'in a named object' : 'a list alone'}`,
          contract: {
            deleteIdentifierIn,
            resultIdentifierIn,
            resultsWrapped,
            resultPaths,
            listNames: isNamed ? { [EMPLOYER]: 'employerMatches', [RECURRING]: 'transactions' } : {},
            failureIn: index === 0 ? 'result' : 'event',
            ...(isRenamed && renamed),
          },
          settings: {
            ATOMIC_DELETE_BY: deleteIdentifierIn,
            ATOMIC_RESULTS_BY: resultIdentifierIn,
            ATOMIC_EMPLOYER_MATCHES_PATH: resultPaths[EMPLOYER],
            ATOMIC_RECURRING_TRANSACTIONS_PATH: resultPaths[RECURRING],
            ...(isRenamed && {
              ATOMIC_TOKEN_FIELD: renamed.tokenField,
              ATOMIC_USER_FIELD: renamed.userField,
              ATOMIC_EMPLOYER_EVENTS: `employer-classification-completed,${renamed.eventTypes[EMPLOYER]}`,
              ATOMIC_RECURRING_EVENTS: renamed.eventTypes[RECURRING],
            }),
          },
        };
      }),
    ),
  ),
);

/** What the service is set to beside. */
export const ENV = {
  PLAID_CLIENT_ID: 'client',
  PLAID_SECRET: 'plaid-secret',
  ATOMIC_API_KEY: 'atomic-key',
  ATOMIC_API_SECRET: 'atomic-secret',
  API_KEYS: 'backend:0123456789',
};
