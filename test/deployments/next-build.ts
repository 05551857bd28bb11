/** What the next build's workflow does otherwise: it notes the newest webhook in the memo, behind a patch. */
import { patched, upsertMemo, type WorkflowInterceptorsFactory } from '@temporalio/workflow';

export const NEXT_PATCH = 'note the newest webhook';
export const NOTED = 'newestWebhook';

export const interceptors: WorkflowInterceptorsFactory = () => ({
  inbound: [
    {
      handleSignal(input, next) {
        if (patched(NEXT_PATCH)) upsertMemo({ [NOTED]: input.signalName });
        return next(input);
      },
    },
  ],
});
