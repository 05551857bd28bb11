import { log, metricMeter } from '@temporalio/workflow';
import type { NotificationEvent } from '../src/contract/notifications';
import { failureOf } from './step-failure';
import { stepsOf } from './steps';

/** Posts one event to the caller, for up to 24 hours. A child of the link that outlives it and never holds it up. */
export async function notifyCaller(event: NotificationEvent): Promise<'delivered' | 'given_up'> {
  try {
    await stepsOf('notification').postNotification(event);
    return 'delivered';
  } catch (error) {
    if (!failureOf(error)) throw error;
    metricMeter
      .createCounter(
        'processor_link_notifications_given_up',
        '',
        'Notifications that the caller did not take within 24 hours, or refused for good.',
      )
      .add(1, { type: event.type });
    log.warn('notification given up', { id: event.id, type: event.type });
    return 'given_up';
  }
}
