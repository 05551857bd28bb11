import { asyncLocalStorage } from '@temporalio/activity';
import type { Job } from '../contract/jobs';
import { userIdOf } from '../contract/names';
import { ProviderError } from '../providers/provider-error';

/** A call to a provider that has ended. Holds no token. */
export interface WatchedCall {
  /** `POST /item/public_token/exchange`, say, with the job where there is one. */
  what: string;
  /** What the call is for, or the code it failed with. */
  note: string;
  failed: boolean;
  tookMs: number;
  /** Whose link it is for, where that is known. */
  userId?: string;
}

interface Step {
  route: string;
  /** What the call is for. */
  note: string;
}

const STEPS: Readonly<Record<string, Step>> = {
  createLinkToken: { route: 'POST /link/token/create', note: 'a token to open Link with' },
  createUpdateLinkToken: { route: 'POST /link/token/create', note: 'a token to open Link in update mode' },
  createSandboxPublicToken: {
    route: 'POST /sandbox/public_token/create',
    note: 'Link ends in the app: a public token',
  },
  exchangePublicToken: {
    route: 'POST /item/public_token/exchange',
    note: 'public token in, access token out, sealed at once',
  },
  getAccounts: { route: 'POST /accounts/get', note: 'which account is it?' },
  getItem: { route: 'POST /item/get', note: 'how is the Item?' },
  createProcessorToken: {
    route: 'POST /processor/token/create',
    note: 'a processor token for Atomic, sealed',
  },
  registerProcessorLink: {
    route: 'POST /plaid/processor-link',
    note: 'the processor token goes to Atomic',
  },
  fetchJobResult: { route: 'GET result', note: 'the result comes back' },
  removeProcessorLink: { route: 'DELETE /plaid/processor-link', note: 'Atomic forgets the user' },
  removeItem: { route: 'POST /item/remove', note: 'Plaid removes the Item, and its tokens die' },
};

/** The same client, each of whose calls is shown once it has ended. */
export function watchCalls<Client extends object>(client: Client, show: (call: WatchedCall) => void): Client {
  return new Proxy(client, {
    get: (target, name) => {
      const call: unknown = Reflect.get(target, name);
      if (typeof call !== 'function' || typeof name !== 'string') return call;
      return async (...args: unknown[]) => {
        const startedAt = performance.now();
        const userId = userOf(args[0]);
        const ended = (failed: boolean, note: string) => {
          const what = [STEPS[name]?.route ?? name, jobIn(args[0])].filter((word) => word !== undefined);
          show({
            what: what.join(' '),
            note,
            failed,
            tookMs: performance.now() - startedAt,
            ...(userId !== undefined && { userId }),
          });
        };
        try {
          const answer: unknown = await Reflect.apply(call, target, args);
          ended(false, STEPS[name]?.note ?? '');
          return answer;
        } catch (error) {
          ended(true, error instanceof ProviderError ? error.failure.code : 'cut short');
          throw error;
        }
      };
    },
  });
}

/** The user is named in the request, or by the workflow whose activity makes the call. */
function userOf(request: unknown): string | undefined {
  if (typeof request === 'object' && request !== null && 'userId' in request) return String(request.userId);
  return userIdOf(asyncLocalStorage.getStore()?.info.workflowExecution?.workflowId ?? '');
}

const SHORT_JOBS: Readonly<Record<Job, string>> = {
  'employer-classification': '(employer)',
  'recurrence-detection': '(recurrence)',
};

function jobIn(request: unknown): string | undefined {
  if (typeof request !== 'object' || request === null || !('job' in request)) return undefined;
  const { job } = request;
  return job === 'employer-classification' || job === 'recurrence-detection' ? SHORT_JOBS[job] : undefined;
}
