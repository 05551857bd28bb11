import { randomUUID } from 'node:crypto';
import { Client, type Connection } from '@temporalio/client';
import { WORKFLOW_TYPE, workflowIdOf } from '../../src/contract/names';
import { createDataConverter } from '../../src/encryption/data-converter';
import { makeKey } from '../../src/encryption/development-key';
import { parseKeyRing } from '../../src/encryption/key-ring';
import { keyUsage, listExecutions } from '../../src/encryption/key-usage';
import { SealingKeys } from '../../src/encryption/sealing-keys';
import { createTokenOpener } from '../../src/encryption/token-sealer';
import { connectTo, realServer } from '../support/temporal';

const [oldKey, newKey] = [makeKey('old'), makeKey('new')];
const oldRing = parseKeyRing(oldKey);
const newRing = parseKeyRing(newKey);
const bothRings = parseKeyRing(`${newKey},${oldKey}`);

let connection: Connection;
let namespace: string;
beforeAll(async () => {
  const server = await realServer();
  namespace = server.namespace;
  connection = await connectTo(server.address);
});
afterAll(() => connection.close());

/** An open link of which no worker knows. */
async function startLink(keyRing: typeof oldRing, argument: object) {
  const client = new Client({
    connection,
    namespace,
    dataConverter: createDataConverter({ keyRing, namespace }),
  });
  const handle = await client.workflow.start(WORKFLOW_TYPE, {
    workflowId: workflowIdOf(randomUUID()),
    taskQueue: randomUUID(),
    args: [argument],
    memo: { createdAt: 'now' },
  });
  return { handle, execution: { workflowId: handle.workflowId, runId: handle.firstExecutionRunId } };
}

describe('the use of keys', () => {
  it('is known by the payloads of a history and by the tokens sealed in them', async () => {
    const sealed = await createTokenOpener({
      keys: SealingKeys.derivedFrom(oldRing),
      namespace,
    }).seal('publicToken', 'u1', 'token');
    const [plain, withToken] = [await startLink(oldRing, {}), await startLink(newRing, { sealed })];
    const executions = [plain.execution, withToken.execution];
    const usage = await keyUsage(connection, namespace, bothRings, executions);
    expect([...(usage.encryption.get('old') ?? [])].sort()).toEqual(
      executions.map(({ workflowId }) => workflowId).sort(),
    );
    expect(usage.encryption.get('new')).toEqual([withToken.execution.workflowId]);
    await Promise.all([plain.handle.terminate(), withToken.handle.terminate()]);
  });

  it('shows a key that is missing', async () => {
    const { handle, execution } = await startLink(oldRing, {});
    const usage = await keyUsage(connection, namespace, newRing, [execution]);
    expect([...usage.encryption.keys()]).toEqual(['old']);
    await handle.terminate();
  });

  it('is asked of open links, and apart from them of closed ones', async () => {
    const { handle, execution } = await startLink(newRing, {});
    const isListed = async (open: boolean) => {
      const listed = await listExecutions(connection, namespace, { open });
      return listed.some(({ runId }) => runId === execution.runId);
    };
    while (!(await isListed(true))) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await isListed(false)).toBe(false);
    await handle.terminate();
    while (!(await isListed(false))) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await isListed(true)).toBe(false);
  });
});
