import type { WorkflowInterceptors } from '@temporalio/workflow';

/** The id that the SDK gives to the only query of a task without a history. */
const QUERY_BY_ITSELF = 'legacy_query';

/**
 * Holds the answers to queries back until no local activity is under way. When one ends while the worker (SDK 1.24) answers a
 * query, its marker reaches the server a workflow task before the workflow hears of it: a history that does not replay.
 * An answer that is held goes out with what the workflow does next, in the same workflow task.
 */
export function holdAnswers(): Required<Pick<WorkflowInterceptors, 'outbound' | 'internals'>> {
  let underWay = 0;
  /** By query: after a heartbeat of the workflow task the server asks again. */
  const held = new Map<unknown, WorkflowCommand>();
  return {
    outbound: [
      {
        scheduleLocalActivity(input, next) {
          underWay += 1;
          const answer = next(input);
          const ended = () => {
            underWay -= 1;
          };
          answer.then(ended, ended);
          return answer;
        },
      },
    ],
    internals: [
      {
        concludeActivation(input, next) {
          const { commands } = next(input);
          const answers = commands.filter(isOfTheTask);
          for (const answer of answers) held.set(answer.respondToQuery?.queryId, answer);
          const others = commands.filter((command) => !isOfTheTask(command));
          if (underWay > 0) return { commands: others };
          const released = [...held.values()];
          held.clear();
          return { commands: [...others, ...released] };
        },
      },
    ],
  };
}

/** An answer that goes to the server with the workflow task. A query that came by itself is answered by itself. */
function isOfTheTask({ respondToQuery }: WorkflowCommand): boolean {
  return !!respondToQuery && respondToQuery.queryId !== QUERY_BY_ITSELF;
}

type Internals = NonNullable<WorkflowInterceptors['internals']>[number];
type WorkflowCommand = Parameters<NonNullable<Internals['concludeActivation']>>[0]['commands'][number];
