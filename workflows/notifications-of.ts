import { JOBS } from '../src/contract/jobs';
import type { NotificationEvent, NotificationType } from '../src/contract/notifications';
import { isFinal } from '../src/contract/states';
import { isSame } from './attention-changes';
import type { LinkFacts } from './facts';
import { stateOf } from './link-view';

/** Without the run, which is not known here. */
export type LinkNotification = Omit<NotificationEvent, 'id' | 'data'> & {
  data: Omit<NotificationEvent['data'], 'runId'>;
};

/** What a change of a link is to its caller: most are none. */
export function notificationsOf(before: LinkFacts, after: LinkFacts): LinkNotification[] {
  const notifications: LinkNotification[] = [];
  const { userId, updatedAt: timestamp, attention, warning, failure } = after;
  const add = (type: NotificationType, data: Omit<LinkNotification['data'], 'userId'>) =>
    notifications.push({ type, timestamp, data: { userId, ...data } });
  for (const job of JOBS) {
    const was = before.jobs[job];
    const now = after.jobs[job];
    if (!now || (now.state === was?.state && now.sha256 === was.sha256)) continue;
    if (now.state === 'completed') add('job.completed', { job, state: 'completed' });
    if (now.state === 'failed') {
      add('job.failed', { job, state: 'failed', ...(now.reason && { code: now.reason.code }) });
    }
  }
  if (attention && !before.attention) {
    add('link.needs_attention', { state: 'needs_attention', code: attention });
  }
  const state = stateOf(after);
  if (warning && !isSame(warning, before.warning)) add('link.warning', { state, code: warning.code });
  const isOver = (before.attention && !attention) || (before.warning && !warning);
  if (isOver && !after.ending) add('link.recovered', { state });
  if (state !== stateOf(before) && isFinal(state)) {
    if (state === 'failed') add('link.failed', { state: 'failed', ...(failure && { code: failure.code }) });
    else add('link.unlinked', { state: 'unlinked' });
  }
  return notifications;
}
