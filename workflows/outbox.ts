import { CancellationScope, ParentClosePolicy, startChild, uuid4, workflowInfo } from '@temporalio/workflow';
import { NOTIFICATION_WORKFLOW_TYPE } from '../src/contract/names';
import type { NotificationEvent } from '../src/contract/notifications';
import type { LinkSettings } from '../src/contract/workflow';
import type { LinkFacts } from './facts';
import { notificationsOf } from './notifications-of';

/** The link whose caller is notified, where its settings say so. */
interface Owner {
  /** Once they have been read. */
  readonly settings: LinkSettings | undefined;
  readSettings(): Promise<LinkSettings>;
}

/** What the caller is still to be notified of. Each event is posted by a workflow of its own, which outlives the link. */
export class Outbox {
  private readonly events: NotificationEvent[] = [];

  constructor(private readonly link: Owner) {}

  get isEmpty(): boolean {
    return this.events.length === 0;
  }

  /** Notifies of what a change of the link means to the caller, if anything. */
  add(before: LinkFacts, after: LinkFacts): void {
    if (this.link.settings?.notify === false) return;
    const isSending = !this.isEmpty;
    const { runId } = workflowInfo();
    for (const { type, timestamp, data } of notificationsOf(before, after)) {
      const { userId, ...rest } = data;
      this.events.push({ id: `msg_${uuid4()}`, type, timestamp, data: { userId, runId, ...rest } });
    }
    if (!isSending && !this.isEmpty) void CancellationScope.nonCancellable(() => this.send());
  }

  /** In order, those that come meanwhile too. */
  private async send(): Promise<void> {
    for (const event of this.events) {
      if (!(await this.link.readSettings()).notify) continue;
      await startChild(NOTIFICATION_WORKFLOW_TYPE, {
        workflowId: `${workflowInfo().workflowId}/notification/${event.id}`,
        args: [event],
        parentClosePolicy: ParentClosePolicy.ABANDON,
      });
    }
    this.events.length = 0;
  }
}
