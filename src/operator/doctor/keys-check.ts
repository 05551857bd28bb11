/** Whether all processes have the same keys. */
import { QueryNotRegisteredError, type WorkflowClient } from '@temporalio/client';
import { JOBS } from '../../contract/jobs';
import { QUERIES, WORKFLOW_TYPE } from '../../contract/names';
import { UnknownKeyError } from '../../encryption/key-ring';
import { readWorkerIdentity } from '../../temporal/worker-identity';
import type { StuckLinks } from '../links/stuck-links';
import { readMetrics } from './api-metrics';
import { type Check, check, fine, type Verdict, wrong } from './check';
import type { Pollers } from './temporal-checks';

/** Looks at links that stand still too. */
const TIMEOUT_MS = 8_000;
/** A worker that is there waits for work a minute at a time. */
const POLLED_WITHIN_MS = 75_000;
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

export interface KeysSeen {
  /** Of the keys of this process. */
  keysDigest: string;
  asked: Promise<WorkerAnswer>;
  stuck: Promise<StuckLinks>;
  pollers: Promise<Pollers>;
  publicUrl: string;
}

/** Whether all processes have the same keys: workers by what they call themselves, the API by its metrics. */
export function checkKeys({ keysDigest, asked, stuck, pollers, publicUrl }: KeysSeen): Promise<Check> {
  const fix = 'Give all processes the same ENCRYPTION_KEYS, and restart them; see npm run keys -- status';
  const look = async (): Promise<Verdict> => {
    const [answer, { rows }, workers, apiDigest] = await Promise.all([
      asked,
      stuck,
      pollers,
      keysDigestOf(publicUrl),
    ]);
    const lacking = new Set(rows.flatMap(({ code, cause }) => (code === 'key_missing' ? cause : [])));
    if (lacking.size > 0) return wrong([...lacking].join(' '), fix);
    const others = [
      ...workersOfOtherKeys(workers, keysDigest).map((worker) => `the worker ${worker}`),
      ...(apiDigest === undefined || apiDigest === keysDigest ? [] : [`the API at ${publicUrl}`]),
    ];
    if (others.length > 0) {
      const message = `Other keys than this process: ${others.join(', ')}. A worker that has just stopped is among them for a minute.`;
      return wrong(message, fix);
    }
    switch (answer.kind) {
      case 'no_link':
      case 'answered':
        return fine(
          apiDigest === undefined
            ? 'The workers and this process have the same keys; the API did not say.'
            : 'The API, the workers and this process have the same keys.',
        );
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

function workersOfOtherKeys({ forLinks, forSteps }: Pollers, keysDigest: string): string[] {
  const sinceMs = Date.now() - POLLED_WITHIN_MS;
  const polling = [...forLinks, ...forSteps].filter(({ polledMs }) => polledMs >= sinceMs);
  return [...new Set(polling.map(({ identity }) => identity))].flatMap((identity) => {
    const read = readWorkerIdentity(identity);
    return read === undefined || read.keysDigest === keysDigest ? [] : read.worker;
  });
}

/** As the API says it; undefined where it cannot be asked. */
async function keysDigestOf(publicUrl: string): Promise<string | undefined> {
  const text = await readMetrics(publicUrl);
  return /^processor_link_encryption_keys_info\{[^}]*digest="([0-9a-f]+)"/m.exec(text ?? '')?.[1];
}
