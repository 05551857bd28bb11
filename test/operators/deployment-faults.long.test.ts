import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeKey } from '../../src/encryption/development-key';
import { startService } from '../support/service';
import { type Environment, ServiceProcess } from '../support/service-process';
import { serviceBuild } from '../support/temporal';
import { type Measured, OnCall, type Standing } from './support/on-call';

jest.setTimeout(180_000);

const measured: Measured[] = [];
let onCall: OnCall;

/** A service of its own each, since the processes themselves are what is wrong. */
beforeEach(async () => {
  onCall = new OnCall(await startService());
});
afterEach(() => onCall?.service.close());
afterAll(() => console.table(measured));

async function restartWorker(env: Environment): Promise<void> {
  const { worker } = onCall.service;
  await worker.kill('SIGTERM');
  // Not ready, where a provider has refused its keys already.
  worker.launch(env);
}

async function refusedKeys(env: Environment, checks: Standing['checks']): Promise<Standing> {
  await restartWorker(env);
  const { userId } = await onCall.service.link();
  return {
    userId,
    row: {
      code: 'configuration_error',
      move: 'operator',
      command: expect.stringContaining('links -- retry'),
    },
    checks: { ...checks, links: /configuration_error/ },
    env,
    mend: () => restartWorker(onCall.service.env),
    repaired: () => onCall.linked(userId),
  };
}

/** The same build with a step of another name, which the histories of links do not fit. */
async function otherBuild(): Promise<string> {
  const build = await serviceBuild();
  const folder = await mkdtemp(path.join(tmpdir(), 'processor-link-other-build-'));
  const filter = (source: string) => path.basename(source) !== 'node_modules';
  await cp(build, folder, { recursive: true, filter });
  await symlink(path.join(build, 'node_modules'), path.join(folder, 'node_modules'), 'dir');
  const bundle = path.join(folder, 'workflow-bundle.js');
  const code = await readFile(bundle, 'utf8');
  await writeFile(bundle, code.replaceAll('exchangePublicToken', 'exchangeOtherToken'));
  return folder;
}

const FAULTS: Record<string, () => Promise<Standing>> = {
  'missing key': async () => {
    const { userId } = await onCall.linkedUser();
    const env = { ENCRYPTION_KEYS: makeKey('k2') };
    await restartWorker(env);
    await onCall.askToUnlink(userId);
    return {
      userId,
      row: { code: 'key_missing', move: 'operator', cause: expect.stringContaining('key k1') },
      checks: { keys: /k1/, links: /key_missing/ },
      env,
      mend: () => restartWorker(onCall.service.env),
      repaired: () => onCall.unlinked(userId),
    };
  },

  'wrong Atomic key': () =>
    refusedKeys({ ATOMIC_API_KEY: 'wrong-key' }, { 'atomic-keys': /refuses the keys/ }),

  'wrong Plaid key': () =>
    refusedKeys({ PLAID_SECRET: 'wrong-secret' }, { 'plaid-keys': /INVALID_API_KEYS/ }),

  'no worker': async () => {
    const { userId } = await onCall.linkedUser();
    const { worker } = onCall.service;
    await worker.kill('SIGKILL');
    await onCall.askToUnlink(userId);
    return {
      userId,
      row: { code: 'no_worker', move: 'operator', command: 'npm run worker' },
      checks: { workers: /No worker/, links: /no_worker/ },
      mend: () => worker.start(),
      repaired: () => onCall.unlinked(userId),
    };
  },

  'code that does not fit the history': async () => {
    const { userId } = await onCall.linkedUser();
    const { worker, folder, env } = onCall.service;
    await worker.kill('SIGTERM');
    const build = await otherBuild();
    const misfit = new ServiceProcess({ name: 'worker', build, folder, url: worker.url, env });
    await misfit.start();
    await onCall.askToUnlink(userId);
    return {
      userId,
      row: { code: 'code_mismatch', move: 'operator', command: expect.stringContaining('npm run worker') },
      checks: { links: /code_mismatch/ },
      async mend() {
        await misfit.stop();
        await rm(build, { recursive: true, force: true });
        await worker.start();
      },
      repaired: () => onCall.unlinked(userId),
    };
  },
};

it.each(Object.entries(FAULTS))(
  '%s: named by both commands, and repaired by the one that they name',
  async (fault, inject) => {
    measured.push(await onCall.namesAndRepairs(fault, await inject()));
  },
);

it('doctor names processes that have other keys, the API and each worker', async () => {
  const other = await onCall.service.another('worker');
  await other.start({ ENCRYPTION_KEYS: makeKey('k2') });
  const keys = async (env: Environment = {}) =>
    (await onCall.doctor(env)).checks.find(({ name }) => name === 'keys');
  expect(await keys()).toMatchObject({
    ok: false,
    message: expect.stringMatching(/: the worker \d+@\S+\. /),
  });
  const alone = await keys({ ENCRYPTION_KEYS: makeKey('k3') });
  expect(alone?.message).toMatch(/the worker .*the worker .*the API at /);
});
