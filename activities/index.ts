import { ApplicationFailure, cancellationSignal } from '@temporalio/activity';
import type { Job } from '../src/contract/jobs';
import type { NotificationEvent } from '../src/contract/notifications';
import { CONSENT_REQUIRED } from '../src/contract/plaid';
import type {
  AccountIdentity,
  CreateRepairLinkTokenUpdate,
  LinkSettings,
  SealedToken,
  TokenOpener,
} from '../src/contract/workflow';
import type { Atomic, AtomicResult, CallOptions, Plaid } from '../src/providers/types';
import { type AccountFinding, findAccount, type WantedAccount } from './accounts';
import { failureClassOf, isRetryable, permanentFailure } from './application-failure';
import { attemptNumber, providerAttempt } from './attempt';

/** After a webhook, a result that is not there yet is asked for this often. */
const NOT_YET_ATTEMPTS = 5;

/** Removals settle once begun, and an operator may have to mend something before they succeed. */
const UNDO = { settle: true, endless: true };

export interface ActivityDependencies {
  plaid: Plaid;
  atomic: Atomic;
  sealer: TokenOpener;
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
  /** Set while the user has to act at the bank; Plaid's code. */
  needsAttention?: string;
  /** The link's account as it is now, or why it is unclear; unset while the user has to act. */
  finding?: AccountFinding;
  /** Plaid has the full history that was asked for. */
  historyReady: boolean;
}

export type CreatedProcessorToken = { itemId: string; settings: LinkSettings } & (
  | { account: AccountIdentity; sealedProcessorToken: SealedToken }
  | Extract<AccountFinding, { problem: string }>
);

/** What the user has to consent to. `/item/get` calls an Item without it healthy. */
const NEEDED_PRODUCT = 'transactions';

/** Plaid sends these only once an Item's history is in. */
const HISTORY_WEBHOOK_CODES = ['HISTORICAL_UPDATE', 'DEFAULT_UPDATE'];

/**
 * The steps of a link, one thin function each. Tokens come and go sealed; a failure is an ApplicationFailure whose
 * type is a code of the closed list.
 */
export function createActivities(dependencies: ActivityDependencies) {
  const { plaid, atomic, sealer, settings } = dependencies;
  const attempt = providerAttempt(dependencies.requestId);

  return {
    /** The settings that a run of a link goes by, recorded so that a replay sees the same. */
    async readSettings(): Promise<LinkSettings> {
      return settings;
    },

    /**
     * Plaid `/item/public_token/exchange`. Single use: whether an attempt whose answer was lost is followed by another one is
     * for the workflow to say, and INVALID_PUBLIC_TOKEN is final (`relink_required`).
     */
    async exchangePublicToken(
      request: { userId: string; sealedPublicToken: SealedToken },
      earlier = 0,
    ): Promise<{ itemId: string; sealedAccessToken: SealedToken }> {
      const publicToken = await sealer.open('publicToken', request.userId, request.sealedPublicToken);
      const { accessToken, itemId } = await attempt(
        (options) => plaid.exchangePublicToken({ publicToken }, options),
        earlier,
        { settle: true, once: true },
      );
      return { itemId, sealedAccessToken: await sealer.seal('accessToken', request.userId, accessToken) };
    },

    /**
     * Plaid `/accounts/get`, then `/processor/token/create` for `atomicfi`. Where the account is unclear, no token is made,
     * and the answer says what there is to choose from. The settings come with it, which saves a step.
     */
    async createProcessorToken(
      request: { userId: string; sealedAccessToken: SealedToken } & WantedAccount,
      earlier = 0,
    ): Promise<CreatedProcessorToken> {
      const accessToken = await sealer.open('accessToken', request.userId, request.sealedAccessToken);
      const { itemId, accounts } = await attempt(
        (options) => plaid.getAccounts({ accessToken }, options),
        earlier,
      );
      const finding = findAccount(accounts, request);
      if ('problem' in finding) return { itemId, settings, ...finding };
      const { account } = finding;
      const { processorToken } = await attempt(
        (options) => plaid.createProcessorToken({ accessToken, accountId: account.accountId }, options),
        earlier,
      );
      const sealedProcessorToken = await sealer.seal('processorToken', request.userId, processorToken);
      return { itemId, settings, account, sealedProcessorToken };
    },

    /**
     * Atomic `POST /plaid/processor-link` with one job. The same call again is at most one more run of the job. That Atomic
     * has it already is success where an earlier attempt may have made it.
     */
    async registerProcessorLink(
      request: { userId: string; sealedProcessorToken: SealedToken; job: Job },
      earlier = 0,
    ): Promise<void> {
      const processorToken = await sealer.open(
        'processorToken',
        request.userId,
        request.sealedProcessorToken,
      );
      const { userId, job } = request;
      try {
        await attempt(
          (options) => atomic.registerProcessorLink({ userId, processorToken, job }, options),
          earlier,
          { settle: true, effect: true },
        );
      } catch (error) {
        // An earlier attempt may have taken effect, its answer lost on the way.
        if (attemptNumber(earlier) === 1 || failureClassOf(error) !== 'conflict') throw error;
      }
    },

    /**
     * The job's result at Atomic. After a webhook any 200 is the result, and a 404 is asked again a few times; by
     * poll, nothing, an empty list or the result of an earlier run is `not_yet`.
     */
    async fetchJobResult(
      request: {
        userId: string;
        job: Job;
        via: 'webhook' | 'poll';
        earlierSha256?: string;
        /** A webhook says that the job has failed: what is not there now never will be. */
        failed?: true;
      },
      earlier = 0,
    ): Promise<FetchedResult> {
      const { userId, job, via, earlierSha256 } = request;
      const answer = await attempt(
        (options) => atomic.fetchJobResult({ userId, job }, options),
        earlier,
      ).catch((error: unknown): AtomicResult => {
        // A gateway has said often enough that there is no such path: the job is asked for later.
        if (failureClassOf(error) === 'not_found' && !isRetryable(error)) return { kind: 'none' };
        throw error;
      });
      if (answer.kind === 'none' && request.failed) throw permanentFailure('provider_rejected');
      if (answer.kind === 'none') {
        if (via === 'webhook' && attemptNumber(earlier) < NOT_YET_ATTEMPTS) {
          throw ApplicationFailure.retryable('Atomic has no result yet.', 'provider_unavailable');
        }
        return { kind: 'not_yet' };
      }
      if (answer.kind === 'failed') throw permanentFailure('provider_rejected');
      if (via === 'poll' && (answer.empty || answer.sha256 === earlierSha256)) return { kind: 'not_yet' };
      return { kind: 'found', result: answer.resultText, sha256: answer.sha256 };
    },

    /**
     * Plaid `/item/get` and `/accounts/get`: whether the user has to act, and where the link's account is now. With
     * `lacksConsent` the Item is in order only once its user has consented.
     */
    async inspectItem(
      request: { userId: string; sealedAccessToken: SealedToken; lacksConsent?: boolean } & WantedAccount,
      earlier = 0,
    ): Promise<ItemInspection> {
      const accessToken = await sealer.open('accessToken', request.userId, request.sealedAccessToken);
      const item = await attempt((options) => plaid.getItem({ accessToken }, options), earlier);
      const historyReady =
        item.lastWebhookCode !== undefined && HISTORY_WEBHOOK_CODES.includes(item.lastWebhookCode);
      const inspection = { itemId: item.itemId, historyReady };
      if (item.error?.failureClass === 'user_repair')
        return { ...inspection, needsAttention: item.error.code };
      if (item.error?.failureClass === 'user_relink' || item.error?.failureClass === 'gone') {
        throw permanentFailure('access_revoked');
      }
      if (request.lacksConsent && item.consentedProducts?.includes(NEEDED_PRODUCT) === false)
        return { ...inspection, needsAttention: CONSENT_REQUIRED };
      const { accounts } = await attempt((options) => plaid.getAccounts({ accessToken }, options), earlier);
      return { ...inspection, finding: findAccount(accounts, request) };
    },

    /**
     * Plaid `/link/token/create` in update mode; the Link token goes back sealed to the key of whoever asked. `lacksConsent`
     * asks the user for the consent that is lacking.
     */
    async createRepairLinkToken(
      request: {
        userId: string;
        sealedAccessToken: SealedToken;
        lacksConsent?: boolean;
      } & CreateRepairLinkTokenUpdate,
      earlier = 0,
    ): Promise<{ sealedLinkToken: SealedToken; expiration: string }> {
      const { userId, sealedAccessToken, replyKey, lacksConsent = false, ...appearance } = request;
      const accessToken = await sealer.open('accessToken', userId, sealedAccessToken);
      const { linkToken, expiration } = await attempt(
        (options) =>
          plaid.createUpdateLinkToken(
            { userId, accessToken, asksConsent: lacksConsent, ...appearance },
            options,
          ),
        earlier,
      );
      return { sealedLinkToken: await sealer.sealReply(replyKey, userId, linkToken), expiration };
    },

    /** Atomic `DELETE /plaid/processor-link`. Nothing there is a success. */
    async removeProcessorLink(request: { userId: string }, earlier = 0): Promise<void> {
      await attempt((options) => atomic.removeProcessorLink(request, options), earlier, UNDO);
    },

    /** Plaid `/item/remove`. An Item that is gone is a success. */
    async removeItem(
      request: { userId: string; sealedAccessToken: SealedToken },
      earlier = 0,
    ): Promise<void> {
      const accessToken = await sealer.open('accessToken', request.userId, request.sealedAccessToken);
      await attempt((options) => plaid.removeItem({ accessToken }, options), earlier, UNDO);
    },

    /** The link's tokens under the first key: sealed again, so that older keys leave open histories. */
    async resealTokens({
      userId,
      sealedAccessToken,
      sealedProcessorToken,
    }: {
      userId: string;
      sealedAccessToken?: SealedToken;
      sealedProcessorToken?: SealedToken;
    }): Promise<{ sealedAccessToken?: SealedToken; sealedProcessorToken?: SealedToken }> {
      return {
        ...(sealedAccessToken !== undefined && {
          sealedAccessToken: await sealer.reseal('accessToken', userId, sealedAccessToken),
        }),
        ...(sealedProcessorToken !== undefined && {
          sealedProcessorToken: await sealer.reseal('processorToken', userId, sealedProcessorToken),
        }),
      };
    },

    /** Posts one event to `NOTIFY_URL` as a Standard Webhook. */
    async postNotification(event: NotificationEvent): Promise<void> {
      await dependencies.postNotification(event, { signal: cancellationSignal() });
    },
  };
}

export type Activities = ReturnType<typeof createActivities>;
