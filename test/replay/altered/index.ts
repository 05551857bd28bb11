/** The workflows with one step that no history has: a timer before anything else. Never to be run, only replayed. */
import { sleep } from '@temporalio/workflow';
import { processorLink as unaltered } from '../../../workflows/processor-link';

export { notifyCaller } from '../../../workflows/notify-caller';

export async function processorLink(...args: Parameters<typeof unaltered>): ReturnType<typeof unaltered> {
  await sleep('1s');
  return unaltered(...args);
}
