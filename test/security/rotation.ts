import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { newEncryptionKey } from '../support/ground';
import { useService } from '../support/service';
import type { Environment, ServiceProcess } from '../support/service-process';
import { Load } from './support/load';

const JOB = 'employer-classification';
const [k1, k2] = [newEncryptionKey('k1'), newEncryptionKey('k2')];
const apiKeys = { a: randomUUID(), b: randomUUID(), c: randomUUID() };
const webhookSecrets = { a: randomUUID(), b: randomUUID(), c: randomUUID() };

/**
 * Declares the tests: callers' keys, webhook secrets and encryption keys are replaced while `users` users at once come
 * and go, and `cycles` of them get through before each change.
 */
export function rotatesUnderLoad({ users, cycles }: { users: number; cycles: number }): void {
  let load: Load;
  afterAll(() => load.stop());
  const service = useService({
    encryptionKeys: k1,
    env: { API_KEYS: apiKeys.a },
    atomic: { webhookSecret: webhookSecrets.a },
  });
  /** The instances that serve now. */
  let api: ServiceProcess;
  let worker: ServiceProcess;

  beforeAll(async () => {
    ({ api, worker } = service);
    load = new Load(service, { users });
  });

  /** Replaces API and worker, one by one, as a rolling deployment does: the new one is ready before the old one is told to go. */
  async function roll(env: Environment): Promise<void> {
    const [nextApi, nextWorker] = [await service.another('api'), await service.another('worker')];
    await nextApi.start(env);
    await moveWebhooks(nextApi.url);
    await load.moveTo(nextApi.url);
    service.call.url = nextApi.url;
    expect(await api.stop()).toEqual({ code: 0, signal: null });
    await nextWorker.start(env);
    expect(await worker.stop()).toEqual({ code: 0, signal: null });
    [api, worker] = [nextApi, nextWorker];
  }

  /** Resolves once every webhook that set out for the address before has been answered. */
  async function moveWebhooks(url: string): Promise<void> {
    const { ledger, webhooks } = service.atomic;
    webhooks.url = `${url}/webhooks/atomic`;
    const finished = ledger.effects('job_finished').length;
    while (ledger.effects('webhook_sent').length < finished) await sleep(20);
  }

  async function reload(env: Environment): Promise<void> {
    const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(path.join(service.folder, '.env'), lines.join(''));
    const told = () => api.logLines.filter(({ msg }) => String(msg).includes('were read again')).length;
    const before = told();
    api.signal('SIGHUP');
    while (told() === before) await sleep(20);
  }

  /** Users come and go before, and none of them is turned away. */
  async function undisturbed(): Promise<void> {
    await load.cycles(cycles);
    expect(load.refused).toEqual([]);
  }

  const statusWith = async (key: string) =>
    (await service.call.call('GET', '/v1/links?pageSize=1', { headers: { authorization: `Bearer ${key}` } }))
      .status;

  async function openLink(): Promise<string> {
    const { userId } = await service.link({ jobs: [JOB] });
    expect((await service.call.job(userId, JOB, 60)).job().state).toBe('completed');
    return userId;
  }

  /** A link that has been open for long still does all that it is asked to. */
  async function useAndEnd(userId: string): Promise<void> {
    const before = (await service.call.get(userId)).link().jobs[JOB]?.completedAt;
    expect((await service.call.runJob(userId, JOB)).status).toBe(202);
    const link = await service.call.linkWhen(userId, ({ jobs }) => jobs[JOB]?.completedAt !== before);
    expect(link.error).toBeUndefined();
    expect((await service.call.unlink(userId, 60)).link().state).toBe('unlinked');
    expect(service.leftovers(userId)).toEqual([]);
  }

  it('takes new API keys and webhook secrets on SIGHUP, and drops the old ones, while users come and go', async () => {
    await undisturbed();
    await reload({
      API_KEYS: `${apiKeys.a},next:${apiKeys.b}`,
      ATOMIC_WEBHOOK_SECRETS: `${webhookSecrets.a},${webhookSecrets.b}`,
    });
    load.useKey(apiKeys.b);
    service.call.key = apiKeys.b;
    service.atomic.webhooks.secret = webhookSecrets.b;
    await load.settle();
    await moveWebhooks(api.url);
    await undisturbed();
    expect(await statusWith(apiKeys.a)).toBe(200);

    await reload({ API_KEYS: `next:${apiKeys.b}`, ATOMIC_WEBHOOK_SECRETS: webhookSecrets.b });
    await undisturbed();

    expect(await statusWith(apiKeys.a)).toBe(401);
    const forged = await service.atomic.webhooks.send({ userId: 'x', job: JOB, secret: webhookSecrets.a });
    expect(forged.answer).toEqual({ status: 401 });
  });

  it('keeps what counted when the new settings are wrong', async () => {
    await writeFile(path.join(service.folder, '.env'), 'API_KEYS=short\n');
    api.signal('SIGHUP');
    await api.logged('the previous ones still apply');

    expect(await statusWith(apiKeys.b)).toBe(200);
    await undisturbed();
    await writeFile(path.join(service.folder, '.env'), '');
  });

  it('moves from one encryption key to the next by rolling restarts, with links open all the while', async () => {
    const callers = {
      API_KEYS: `${apiKeys.b},${apiKeys.c}`,
      ATOMIC_WEBHOOK_SECRETS: `${webhookSecrets.b},${webhookSecrets.c}`,
    };
    const [old, older] = [await openLink(), await openLink()];
    await undisturbed();

    await roll({ ...callers, ENCRYPTION_KEYS: `${k1},${k2}` });
    load.useKey(apiKeys.c);
    service.call.key = apiKeys.c;
    service.atomic.webhooks.secret = webhookSecrets.c;
    await undisturbed();
    await useAndEnd(older);

    const callersNow = { API_KEYS: apiKeys.c, ATOMIC_WEBHOOK_SECRETS: webhookSecrets.c };
    await roll({ ...callersNow, ENCRYPTION_KEYS: `${k2},${k1}` });
    const fresh = await openLink();
    // Nobody whom an instance with the first key has linked is left after this, but for the long-lived one.
    await undisturbed();
    await useAndEnd(old);

    await roll({ ...callersNow, ENCRYPTION_KEYS: k2 });
    await undisturbed();
    await useAndEnd(fresh);
    expect(await statusWith(apiKeys.b)).toBe(401);
  });

  it('has lost nothing and nobody', async () => {
    await load.stop();

    expect(load.refused).toEqual([]);
    expect(load.users.length).toBe(load.done);
    for (const userId of load.users) expect(service.leftovers(userId)).toEqual([]);
    const sent = service.atomic.ledger.effects('webhook_sent');
    expect(sent.filter(({ details }) => details.status !== 200 && details.status !== 401)).toEqual([]);
  });
}
