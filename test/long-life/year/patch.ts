import { patched, upsertMemo, type WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** What a later build does otherwise: behind a patch of this name it notes each signal in the memo, one command more than before. */
export function noteSignals(patch: string): WorkflowInterceptorsFactory {
  return () => ({
    inbound: [
      {
        handleSignal(input, next) {
          if (patched(patch)) upsertMemo({ [patch]: input.signalName });
          return next(input);
        },
      },
    ],
  });
}
