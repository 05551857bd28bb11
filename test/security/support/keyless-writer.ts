import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { WORKFLOW_TYPE } from '../../../src/contract/names';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
type Command = temporal.api.command.v1.ICommand;

const { CommandType, QueryResultType } = temporal.api.enums.v1;
const IDENTITY = 'mallory';

/** Somebody who may read and write everything in the namespace, also as a worker, and has no key. */
export class KeylessWriter {
  readonly #client: Client;
  readonly #taskQueue: { name: string };

  constructor({ client, taskQueue }: { client: Client; taskQueue: string }) {
    this.#client = client;
    this.#taskQueue = { name: taskQueue };
  }

  async history(workflowId: string): Promise<HistoryEvent[]> {
    return (await this.#client.workflow.getHandle(workflowId).fetchHistory()).events ?? [];
  }

  /** Starts a link with an input of another one. */
  async start(workflowId: string, payloads: Payload[]): Promise<void> {
    await this.#service.startWorkflowExecution({
      ...this.#caller(),
      workflowId,
      workflowType: { name: WORKFLOW_TYPE },
      taskQueue: this.#taskQueue,
      input: { payloads },
    });
  }

  async signal(workflowId: string, signalName: string, payloads: Payload[]): Promise<void> {
    await this.#service.signalWorkflowExecution({
      ...this.#caller(),
      workflowExecution: { workflowId },
      signalName,
      input: { payloads },
    });
  }

  /** Takes the next workflow task of the queue, as a worker does, and answers it with these commands. */
  async answerTask(commands: Command[]): Promise<void> {
    const { taskToken } = await this.#nextTask();
    await this.#service.respondWorkflowTaskCompleted({ ...this.#caller(), taskToken, commands });
  }

  /** Takes the next step of the queue, as a worker does, and completes it with this answer. */
  async completeStep(payloads: Payload[]): Promise<void> {
    const { taskToken } = await this.#poll(() =>
      this.#service.pollActivityTaskQueue({ ...this.#caller(), taskQueue: this.#taskQueue }),
    );
    await this.#service.respondActivityTaskCompleted({ ...this.#caller(), taskToken, result: { payloads } });
  }

  /** Takes the next query and answers it. */
  async answerQuery(payloads: Payload[]): Promise<void> {
    const { taskToken } = await this.#nextTask();
    await this.#service.respondQueryTaskCompleted({
      ...this.#caller(),
      taskToken,
      completedType: QueryResultType.QUERY_RESULT_TYPE_ANSWERED,
      queryResult: { payloads },
    });
  }

  get #service() {
    return this.#client.workflowService;
  }

  #caller() {
    return { namespace: this.#client.options.namespace, identity: IDENTITY, requestId: randomUUID() };
  }

  #nextTask(): Promise<{ taskToken: Uint8Array }> {
    return this.#poll(() =>
      this.#service.pollWorkflowTaskQueue({ ...this.#caller(), taskQueue: this.#taskQueue }),
    );
  }

  async #poll(take: () => Promise<{ taskToken: Uint8Array }>): Promise<{ taskToken: Uint8Array }> {
    for (;;) {
      const task = await this.#client.connection.withDeadline(Date.now() + 70_000, take);
      // An empty answer is the end of a long poll.
      if (task.taskToken.length > 0) return task;
    }
  }
}

/** The commands by which a worker made these events. */
export function commandsOf(events: readonly HistoryEvent[]): Command[] {
  return events.map((event) => {
    const {
      activityTaskScheduledEventAttributes: step,
      timerStartedEventAttributes: timer,
      timerCanceledEventAttributes: cancelled,
      upsertWorkflowSearchAttributesEventAttributes: upsert,
    } = event;
    if (step) {
      const commandType = CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK;
      return { commandType, scheduleActivityTaskCommandAttributes: step };
    }
    if (timer) {
      const commandType = CommandType.COMMAND_TYPE_START_TIMER;
      return { commandType, startTimerCommandAttributes: timer };
    }
    if (cancelled) {
      const commandType = CommandType.COMMAND_TYPE_CANCEL_TIMER;
      return { commandType, cancelTimerCommandAttributes: cancelled };
    }
    if (upsert) {
      const commandType = CommandType.COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES;
      return { commandType, upsertWorkflowSearchAttributesCommandAttributes: upsert };
    }
    throw new Error(`No command is known for ${String(event.eventType)}.`);
  });
}
