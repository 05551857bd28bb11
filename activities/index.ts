import { ApplicationFailure, activityInfo, cancellationSignal } from '@temporalio/activity';
import type { Job } from '../src/contract/jobs';
import type { NotificationEvent } from '../src/contract/notifications';
import type { AccountIdentity, LinkSettings, SealedToken, TokenSealer } from '../src/contract/workflow';
import { ProviderError } from '../src/providers/provider-error';
import type { Atomic, AtomicResult, CallOptions, Plaid } from '../src/providers/types';
import { chooseAccount, findAccountAgain } from './accounts';
import {
  type AttemptLimits,
  failureClassOf,
  isRetryable,
  permanentFailure,
  toApplicationFailure,
} from './application-failure';

/** An exchange that has failed this often without a definite answer is given up: the token is single-use. */
const EXCHANGE_ATTEMPTS = 3;
/** After a webhook, a result that is not there yet is asked for this often. */
const NOT_YET_ATTEMPTS = 5;

/** Removals settle once begun, and an operator may have to mend something before they succeed. */
const UNDO = { settle: true, endless: true };

export interface ActivityDependencies {
  plaid: Plaid;
  atomic: Atomic;
  sealer: TokenSealer;
  settings: LinkSettings;
  /** Posts one event to the caller; throws when it was not taken. */
  postNotification(event: NotificationEvent, options: CallOptions): Promise<void>;
  /** The id of the request that the running activity serves, if one is known. */
  requestId?: () => string | undefined;
}

/** `result` is JSON text, exactly as Atomic sent it; `sha256` is of its content. */
export type FetchedResult = { kind: 'not_yet' } | { kind: 'found'; result: string; sha256: string };

export interface ItemInspection {
  itemId: string;
  /** Set while the user has to act at the bank; Plaid's code, for the log. */
  needsAttention?: string;
  /** The link's account as it is now, when one was given. */
  account?: AccountIdentity;
  /** Plaid has the full history that was asked for. */
  historyReady: boolean;
}

/** Plaid sends these only once an Item's history is in. */
const HISTORY_WEBHOOK_CODES = ['HISTORICAL_UPDATE', 'DEFAULT_UPDATE'];

/**
 * The steps of a link, one thin function each. Tokens come and go sealed; a failure is an ApplicationFailure whose
 * type is a code of the closed list.
 */
export function createActivities(dependencies: ActivityDependencies) {
  const { plaid, atomic, sealer, settings } = dependencies;

  /** One attempt at a provider. `settle` leaves cancellation out, for calls whose outcome has to be known. */
  async function attempt<T>(
    call: (options: CallOptions) => Promise<T>,
    { settle = false, ...limits }: { settle?: boolean } & AttemptLimits = {},
  ): Promise<T> {
    const info = activityInfo();
    const requestId = dependencies.requestId?.();
    try {
      return await call({
        ...(!settle && { signal: cancellationSignal() }),
        ...(requestId !== undefined && { requestId }),
      });
    } catch (error) {
      if (error instanceof ProviderError) throw toApplicationFailure(error, info.attempt, limits);
      throw error;
    }
  }

  return {
    /** The settings that a run of a link goes by, recorded so that a replay sees the same. */
    async readSettings(): Promise<LinkSettings> {
      return settings;
    },

    /**
     * Plaid `/item/public_token/exchange`. Single use: an attempt whose answer was lost is followed by at most two
     * more, and INVALID_PUBLIC_TOKEN is final (`relink_required`).
     */
    async exchangePublicToken(request: {
      userId: string;
      sealedPublicToken: SealedToken;
    }): Promise<{ itemId: string; sealedAccessToken: SealedToken }> {
      const publicToken = sealer.open('publicToken', request.userId, request.sealedPublicToken);
      const { accessToken, itemId } = await attempt(
        (options) => plaid.exchangePublicToken({ publicToken }, options),
        { settle: true, attempts: EXCHANGE_ATTEMPTS },
      );
      return { itemId, sealedAccessToken: sealer.seal('accessToken', request.userId, accessToken) };
    },

    /**
     * Plaid `/accounts/get`, then `/processor/token/create` for `atomicfi`. `known` is the account of a link that
     * had one before: it is found again even under a new id. Fails with `account_required`, `account_not_found`,
     * or, when a known account is gone, `sign_in_required`. The settings come with it, which saves a step.
     */
    async createProcessorToken(request: {
      userId: string;
      sealedAccessToken: SealedToken;
      accountId?: string;
      known?: AccountIdentity;
    }): Promise<{
      itemId: string;
      account: AccountIdentity;
      sealedProcessorToken: SealedToken;
      settings: LinkSettings;
    }> {
      const accessToken = sealer.open('accessToken', request.userId, request.sealedAccessToken);
      const { itemId, accounts } = await attempt((options) => plaid.getAccounts({ accessToken }, options));
      let account: AccountIdentity | undefined;
      if (request.known) {
        account = findAccountAgain(accounts, request.known);
        if (!account) throw permanentFailure('sign_in_required');
      } else {
        const choice = chooseAccount(accounts, request.accountId);
        if ('problem' in choice) throw permanentFailure(choice.problem);
        account = choice.account;
      }
      const { accountId } = account;
      const { processorToken } = await attempt((options) =>
        plaid.createProcessorToken({ accessToken, accountId }, options),
      );
      return {
        itemId,
        account,
        settings,
        sealedProcessorToken: sealer.seal('processorToken', request.userId, processorToken),
      };
    },

    /** Atomic `POST /plaid/processor-link` with one job. The same call again is at most one more run of the job. */
    async registerProcessorLink(request: {
      userId: string;
      sealedProcessorToken: SealedToken;
      job: Job;
    }): Promise<void> {
      const processorToken = sealer.open('processorToken', request.userId, request.sealedProcessorToken);
      const { userId, job } = request;
      try {
        await attempt((options) => atomic.registerProcessorLink({ userId, processorToken, job }, options), {
          settle: true,
        });
      } catch (error) {
        // An earlier attempt may have taken effect, its answer lost on the way.
        if (activityInfo().attempt === 1 || failureClassOf(error) !== 'conflict') throw error;
      }
    },

    /**
     * The job's result at Atomic. After a webhook any 200 is the result, and a 404 is asked again a few times; by
     * poll, nothing, an empty list or the result of an earlier run is `not_yet`.
     */
    async fetchJobResult(request: {
      userId: string;
      job: Job;
      via: 'webhook' | 'poll';
      earlierSha256?: string;
    }): Promise<FetchedResult> {
      const { userId, job, via, earlierSha256 } = request;
      const answer = await attempt((options) => atomic.fetchJobResult({ userId, job }, options)).catch(
        (error: unknown): AtomicResult => {
          // A gateway has said often enough that there is no such path: the job is asked for later.
          if (failureClassOf(error) === 'not_found' && !isRetryable(error)) return { kind: 'none' };
          throw error;
        },
      );
      if (answer.kind === 'none') {
        if (via === 'webhook' && activityInfo().attempt < NOT_YET_ATTEMPTS) {
          throw ApplicationFailure.retryable('Atomic has no result yet.', 'provider_unavailable');
        }
        return { kind: 'not_yet' };
      }
      if (answer.kind === 'failed') throw permanentFailure('provider_rejected');
      if (via === 'poll' && (answer.empty || answer.sha256 === earlierSha256)) return { kind: 'not_yet' };
      return { kind: 'found', result: answer.resultText, sha256: answer.sha256 };
    },

    /** Plaid `/item/get` and `/accounts/get`: whether the user has to act, and where the link's account is now. */
    async inspectItem(request: {
      userId: string;
      sealedAccessToken: SealedToken;
      known?: AccountIdentity;
    }): Promise<ItemInspection> {
      const accessToken = sealer.open('accessToken', request.userId, request.sealedAccessToken);
      const item = await attempt((options) => plaid.getItem({ accessToken }, options));
      const historyReady =
        item.lastWebhookCode !== undefined && HISTORY_WEBHOOK_CODES.includes(item.lastWebhookCode);
      const inspection = { itemId: item.itemId, historyReady };
      if (item.error?.failureClass === 'user_repair')
        return { ...inspection, needsAttention: item.error.code };
      if (item.error?.failureClass === 'user_relink' || item.error?.failureClass === 'gone') {
        throw permanentFailure('access_revoked');
      }
      if (!request.known) return inspection;
      const { accounts } = await attempt((options) => plaid.getAccounts({ accessToken }, options));
      const account = findAccountAgain(accounts, request.known);
      return account ? { ...inspection, account } : { ...inspection, needsAttention: 'NO_ACCOUNTS' };
    },

    /** Plaid `/link/token/create` in update mode; the Link token travels sealed to the caller's LinkClient. */
    async createRepairLinkToken(request: {
      userId: string;
      sealedAccessToken: SealedToken;
    }): Promise<{ sealedLinkToken: SealedToken; expiration: string }> {
      const { userId } = request;
      const accessToken = sealer.open('accessToken', userId, request.sealedAccessToken);
      const { linkToken, expiration } = await attempt((options) =>
        plaid.createUpdateLinkToken({ userId, accessToken }, options),
      );
      return { sealedLinkToken: sealer.seal('linkToken', userId, linkToken), expiration };
    },

    /** Atomic `DELETE /plaid/processor-link`. Nothing there is a success. */
    async removeProcessorLink(request: { userId: string }): Promise<void> {
      await attempt((options) => atomic.removeProcessorLink(request, options), UNDO);
    },

    /** Plaid `/item/remove`. An Item that is gone is a success. */
    async removeItem(request: { userId: string; sealedAccessToken: SealedToken }): Promise<void> {
      const accessToken = sealer.open('accessToken', request.userId, request.sealedAccessToken);
      await attempt((options) => plaid.removeItem({ accessToken }, options), UNDO);
    },

    /** Posts one event to `NOTIFY_URL` as a Standard Webhook. */
    async postNotification(event: NotificationEvent): Promise<void> {
      await dependencies.postNotification(event, { signal: cancellationSignal() });
    },
  };
}

export type Activities = ReturnType<typeof createActivities>;
