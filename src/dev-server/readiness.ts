import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';

const ASK_AGAIN_MS = 50;
const CALL_TIMEOUT_MS = 1_000;

export interface ReadinessOptions {
  address: string;
  namespace: string;
  searchAttributes: readonly string[];
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Resolves once the namespace can be used: its task queues and its visibility answer, and the search attributes
 * are there. Throws the last error at the timeout.
 */
export async function waitUntilReady(options: ReadinessOptions): Promise<void> {
  const { address, namespace, searchAttributes, timeoutMs, signal } = options;
  const deadline = Date.now() + timeoutMs;
  const connection = Connection.lazy({ address, connectTimeout: CALL_TIMEOUT_MS });
  const ask = async () => {
    const { workflowService, operatorService } = connection;
    await workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: 'readiness' },
      taskQueueType: 1,
    });
    await workflowService.countWorkflowExecutions({ namespace });
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    const missing = searchAttributes.filter((name) => customAttributes[name] === undefined);
    if (missing.length > 0) throw new Error(`search attributes missing: ${missing.join(', ')}`);
  };
  try {
    for (;;) {
      try {
        await connection.withDeadline(Math.min(Date.now() + CALL_TIMEOUT_MS, deadline), ask);
        return;
      } catch (error) {
        if (signal.aborted) throw error;
        if (Date.now() >= deadline) {
          const reason = error instanceof Error ? error.message : String(error);
          throw new Error(`not ready within ${Math.round(timeoutMs / 1000)} s (${reason})`);
        }
      }
      await delay(ASK_AGAIN_MS);
    }
  } finally {
    await connection.close();
  }
}
