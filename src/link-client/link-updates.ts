import { type WorkflowClient, WorkflowNotFoundError } from '@temporalio/client';
import type { Job } from '../contract/jobs';
import { UPDATES, workflowIdOf } from '../contract/names';
import type { LinkToken, LinkView } from '../contract/schemas';
import { isFinal, isSettled } from '../contract/states';
import type {
  ChooseAccountUpdate,
  CreateRepairLinkTokenUpdate,
  LinkAppearance,
  RepairLinkTokenAnswer,
  RunJobUpdate,
} from '../contract/workflow';
import { createReplyKey } from '../encryption/token-sealer';
import { CallDeadline } from './call-deadline';
import { LinkClientError, notLinked, toLinkClientError } from './link-client-error';
import type { LinkReader } from './link-reader';
import { SharedReads } from './shared-reads';

interface UpdateDependencies {
  client: WorkflowClient;
  reader: LinkReader;
  callTimeoutMs: number;
  /** For an update, once the worker has taken it. */
  repairTimeoutMs: number;
  /** Called after each update, whatever came of it. */
  onUpdate: (userId: string) => void;
}

/** What is asked of an open link: Temporal's updates, each answered by the workflow. */
export class LinkUpdates {
  readonly #dependencies: UpdateDependencies;
  readonly #jobRuns = new SharedReads<LinkView>();

  constructor(dependencies: UpdateDependencies) {
    this.#dependencies = dependencies;
  }

  /** A run that is under way is joined by a read alone, because Temporal counts a run's updates. */
  runJob(userId: string, job: Job): Promise<LinkView> {
    return this.#jobRuns.read(JSON.stringify([userId, job]), () => this.#runOrJoin(userId, job));
  }

  async createRepairLinkToken(userId: string, { redirectUri, language }: LinkAppearance): Promise<LinkToken> {
    const reply = await createReplyKey(this.#dependencies.client.options.namespace);
    const update: CreateRepairLinkTokenUpdate = {
      replyKey: reply.publicKey,
      ...(redirectUri !== undefined && { redirectUri }),
      ...(language !== undefined && { language }),
    };
    const answer = await this.#send<RepairLinkTokenAnswer>(userId, UPDATES.createRepairLinkToken, update);
    const linkToken = await reply.open(userId, answer.sealedLinkToken);
    return { linkToken, expiration: answer.expiration };
  }

  async confirmRepair(userId: string): Promise<{ link: LinkView; alreadyRepaired: boolean }> {
    try {
      return { link: await this.#send<LinkView>(userId, UPDATES.confirmRepair), alreadyRepaired: false };
    } catch (error) {
      if (!(error instanceof LinkClientError && error.code === 'not_needed')) throw error;
      return { link: await this.#read(userId), alreadyRepaired: true };
    }
  }

  chooseAccount(userId: string, update: ChooseAccountUpdate): Promise<LinkView> {
    return this.#send<LinkView>(userId, UPDATES.chooseAccount, update);
  }

  async #runOrJoin(userId: string, job: Job): Promise<LinkView> {
    let link: LinkView;
    try {
      link = await this.#read(userId);
    } catch (error) {
      throw error instanceof LinkClientError && error.code === 'link_not_found' ? notLinked(error) : error;
    }
    if (isFinal(link.state) || link.state === 'unlinking') throw notLinked();
    const state = link.jobs[job]?.state;
    if (state !== undefined && !isSettled(state)) return link;
    const update: RunJobUpdate = { job };
    return this.#send<LinkView>(userId, UPDATES.runJob, update);
  }

  #read(userId: string): Promise<LinkView> {
    const { client, reader, callTimeoutMs } = this.#dependencies;
    return reader.read(userId, new CallDeadline(client.connection, callTimeoutMs));
  }

  /** The worker has to take the update within a call's time; what it does then may ask a provider and take longer. */
  async #send<Result>(userId: string, name: string, argument?: object): Promise<Result> {
    const { client, callTimeoutMs, repairTimeoutMs, onUpdate } = this.#dependencies;
    const { connection } = client;
    const handle = client.getHandle(workflowIdOf(userId));
    try {
      const accepted = await new CallDeadline(connection, callTimeoutMs).call(() =>
        argument === undefined
          ? handle.startUpdate<Result, []>(name, { waitForStage: 'ACCEPTED' })
          : handle.startUpdate<Result, [object]>(name, { args: [argument], waitForStage: 'ACCEPTED' }),
      );
      return await new CallDeadline(connection, repairTimeoutMs).call(() => accepted.result());
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw notLinked(error);
      throw toLinkClientError(error);
    } finally {
      onUpdate(userId);
    }
  }
}
