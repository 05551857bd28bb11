/** Whether the workers have the keys that this process has: each reads what the other encrypts. */
import { QueryNotRegisteredError, type WorkflowClient } from '@temporalio/client';
import { JOBS } from '../../contract/jobs';
import { QUERIES, WORKFLOW_TYPE } from '../../contract/names';
import { UnknownKeyError } from '../../encryption/key-ring';
import { type Check, check, fine, type Verdict, wrong } from './check';

const TIMEOUT_MS = 4_500;
const ANSWER_WITHIN_MS = 2_500;

/** What a worker said to a question about a link: nothing, where no link is there to ask about. */
export type WorkerAnswer =
  | { kind: 'no_link' }
  | { kind: 'answered' }
  | { kind: 'silent' }
  | { kind: 'lacks_key'; who: 'here' | 'worker' };

/** Of a link that is stuck itself the answer proves nothing, so a few are asked about. */
const LINKS_ASKED_ABOUT = 3;

/** Asks a worker about the newest links, with an argument that it has to decrypt and an answer that we have to. */
export async function askWorker(client: WorkflowClient): Promise<WorkerAnswer> {
  const page = await client.workflowService.listWorkflowExecutions({
    namespace: client.options.namespace,
    query: `WorkflowType = '${WORKFLOW_TYPE}'`,
    pageSize: LINKS_ASKED_ABOUT,
  });
  const answers = await Promise.all(
    page.executions.map(({ execution }) =>
      askAbout(client, execution?.workflowId ?? '', execution?.runId ?? ''),
    ),
  );
  return answers.find(({ kind }) => kind === 'answered') ?? answers[0] ?? { kind: 'no_link' };
}

async function askAbout(client: WorkflowClient, workflowId: string, runId: string): Promise<WorkerAnswer> {
  const handle = client.getHandle(workflowId, runId);
  try {
    await client.connection.withDeadline(Date.now() + ANSWER_WITHIN_MS, () =>
      handle.query<unknown, [string]>(QUERIES.getJobResult, JOBS[0]),
    );
    return { kind: 'answered' };
  } catch (error) {
    if (error instanceof UnknownKeyError) return { kind: 'lacks_key', who: 'here' };
    // The question is one that every build answers, so a worker that refuses it could not read its argument.
    return error instanceof QueryNotRegisteredError
      ? { kind: 'lacks_key', who: 'worker' }
      : { kind: 'silent' };
  }
}

export function checkKeys(asked: Promise<WorkerAnswer>): Promise<Check> {
  const fix = 'Give all processes the same ENCRYPTION_KEYS, and restart them; see npm run keys -- status';
  const look = async (): Promise<Verdict> => {
    const answer = await asked;
    switch (answer.kind) {
      case 'no_link':
        return fine('Not proved: no link is there to try it with.');
      case 'answered':
        return fine('The workers and this process have the same keys.');
      case 'silent':
        return wrong('No worker has answered about the newest link.', 'See workers and links.');
      case 'lacks_key':
        return wrong(
          answer.who === 'here'
            ? 'The workers encrypt under a key that this process lacks.'
            : 'The workers lack a key that this process encrypts under.',
          fix,
        );
    }
  };
  return check('keys', look, { timeoutMs: TIMEOUT_MS, fix });
}
