import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { msToTs } from '@temporalio/common/lib/time';
import { temporal } from '@temporalio/proto';
import { startService, useService } from '../support/service';
import { connectTo, realServer } from '../support/temporal';

jest.setTimeout(120_000);

describe('a worker', () => {
  const service = useService();

  it('names request and user in each line about a link, and classified failures by code and words alone', async () => {
    const userId = service.newUser();
    service.atomic.faults.add({ path: '/plaid/processor-link', userId, kind: { status: 500 } });
    service.plaid.faults.add({
      path: '/item/public_token/exchange',
      userId,
      kind: { plaidError: 'INVALID_PUBLIC_TOKEN' },
    });
    await service.link({ userId });
    await service.call.linkWhen(userId, ({ state }) => state === 'failed');
    const again = await service.link({ userId });
    expect(again.userId).toBe(userId);
    await service.call.linkWhen(userId, ({ state }) => state === 'linked');
    await service.worker.logged('HTTP_500');
    await service.worker.logged('Workflow failed');

    const lines = service.worker.logLines.filter(({ workflowId }) => `${workflowId}`.includes(userId));
    expect(lines.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining(['Activity started', 'Activity failed', 'Workflow started', 'Workflow failed']),
    );
    // At `debug` the SDK says that something starts before it looks at the headers.
    const withoutRequest = lines.filter(({ requestId }) => requestId === undefined).map(({ msg }) => msg);
    expect([...new Set(withoutRequest)].sort()).toEqual(['Activity started', 'Workflow started']);
    for (const line of lines) {
      expect(line).toMatchObject({ userId });
      expect(line).not.toHaveProperty('taskToken');
    }
    const failures = lines.filter(({ msg }) => msg === 'Activity failed');
    expect(failures.map(({ error }) => error)).toEqual([
      {
        name: 'ApplicationFailure',
        type: 'relink_required',
        message: expect.stringContaining('INVALID_PUBLIC_TOKEN'),
      },
      {
        name: 'ApplicationFailure',
        type: 'provider_unavailable',
        message: expect.stringContaining('HTTP_500'),
      },
    ]);
    for (const line of failures) expect(JSON.stringify(line).length).toBeLessThan(900);
  });

  it('is unready while a provider refuses its keys, says which, and goes on working', async () => {
    const readyz = async () => {
      const answer = await fetch(`${service.worker.url}/readyz`);
      return { status: answer.status, body: await answer.text() };
    };
    const until = async (isWanted: (answer: { status: number; body: string }) => boolean) => {
      for (;;) {
        const answer = await readyz();
        if (isWanted(answer)) return answer;
        await sleep(50);
      }
    };
    const userId = service.newUser();
    service.atomic.faults.add({
      path: '/plaid/processor-link',
      userId,
      times: 'always',
      kind: { status: 401 },
    });
    await service.link({ userId, jobs: ['employer-classification'] });
    const refused = await until(({ status }) => status === 503);
    expect(JSON.parse(refused.body)).toMatchObject({
      code: 'configuration_error',
      detail: 'Atomic refuses the keys of this worker (HTTP_401).',
    });
    expect((await fetch(`${service.worker.url}/livez`)).status).toBe(200);
    const other = await service.link();
    await service.call.linkWhen(other.userId, ({ state }) => state === 'linked');
    await until(({ status }) => status === 200);
  });
});

describe('a search attribute of the wrong type', () => {
  it('ends API and worker with what is wrong and how to mend it', async () => {
    const { address } = await realServer();
    const namespace = `test-${randomUUID()}`;
    const connection = await connectTo(address);
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
    const searchAttributes = { LinkState: temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_INT };
    // A namespace is there a moment after it was registered.
    const added = () => connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
    for (let isThere = false; !isThere; await sleep(100)) {
      isThere = await added().then(
        () => true,
        () => false,
      );
    }
    await connection.close();
    const service = await startService({ temporal: { address, namespace }, processes: [] });
    try {
      for (const one of [service.worker, service.api]) {
        one.launch();
        expect(await one.exited).toEqual({ code: 1, signal: null });
        expect(one.output).toContain(
          `${one.name}: Namespace "${namespace}" has a search attribute LinkState that is not of type Keyword.`,
        );
        expect(one.output).toContain(`search-attribute remove --namespace ${namespace} --name LinkState`);
      }
    } finally {
      await service.close();
    }
  });
});
