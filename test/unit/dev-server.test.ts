import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { cacheFolder } from '../../src/dev-server/cache-folder';
import { type DevServer, type DevServerOptions, startDevServer } from '../../src/dev-server/dev-server';
import {
  type FindServerOptions,
  findTemporalCli,
  TEMPORAL_CLI_VERSION,
} from '../../src/dev-server/temporal-cli';
import {
  findTemporalServer,
  TEMPORAL_GO_MODULE,
  TEMPORAL_VERSION,
} from '../../src/dev-server/temporal-server';
import { checkJars, findTestServer } from '../../src/dev-server/test-server';
import { temporalServer } from '../support/temporal';

const START_TIMEOUT_MS = 60_000;

let root: string;
let bin: string;
let cacheDir: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'processor-link-dev-server-'));
  bin = join(root, 'bin');
  cacheDir = join(root, 'cache');
  await mkdir(bin);
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function script(file: string, body: string): Promise<string> {
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

/** A `go` that notes each build and, after `before`, writes an executable into the folder that -o names. */
async function fakeGo(before = ':', name = 'temporal'): Promise<void> {
  const build = `while [ "$1" != -o ]; do shift; done; echo "#!/bin/sh" > "$2${name}"; chmod +x "$2${name}"`;
  await script(join(bin, 'go'), `echo build >> ${root}/builds; ${before}; ${build}`);
}

async function builds(): Promise<number> {
  const text = await readFile(join(root, 'builds'), 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean).length;
}

function search(options: Partial<FindServerOptions> = {}): FindServerOptions {
  const noDownload = () => Promise.reject(new Error('no network'));
  return { path: `${bin}:/usr/bin:/bin`, cacheDir, log: () => undefined, download: noDownload, ...options };
}

const built = () => join(cacheDir, `temporal-cli-${TEMPORAL_CLI_VERSION}`);

/** What a Temporal CLI of that version does when it is asked for it. */
function versionIs(version: string): string {
  return `[ "$*" = --version ] && echo "temporal version ${version}"`;
}

async function waitFor(what: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await what())) await delay(20);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('the cache folder', () => {
  it('is in XDG_CACHE_HOME', () => {
    expect(cacheFolder({ home: '/home/ada', xdgCacheHome: '/var/cache/ada' })).toBe(
      '/var/cache/ada/processor-link',
    );
  });

  it.each([undefined, '', 'relative/folder'])('is in ~/.cache when XDG_CACHE_HOME is %p', (xdgCacheHome) => {
    expect(cacheFolder({ home: '/home/ada', xdgCacheHome })).toBe('/home/ada/.cache/processor-link');
  });
});

describe('the search for a Temporal server', () => {
  it('builds the module of this project as it is pinned, keeps what it built and leaves nothing else', async () => {
    await fakeGo(`echo "$@" > ${root}/arguments; cp go.mod go.sum main.go ${root}`, 'temporal-server');
    const lines: string[] = [];
    const found = await findTemporalServer(search({ log: (line) => lines.push(line) }));
    expect(await findTemporalServer(search({ path: '' }))).toBe(found);
    expect(await readdir(cacheDir)).toEqual([basename(found)]);
    expect(await builds()).toBe(1);
    expect(lines[0]).toMatch(/^Building Temporal [\d.]+ from Go modules: about \d minutes .* once\./);
    expect(await readFile(join(root, 'arguments'), 'utf8')).toContain('-mod=readonly -trimpath');
    for (const file of ['go.mod', 'go.sum', 'main.go']) {
      expect(await readFile(join(root, file))).toEqual(await readFile(join(TEMPORAL_GO_MODULE, file)));
    }
    expect(await readFile(join(root, 'go.sum'), 'utf8')).toContain(
      `go.temporal.io/server v${TEMPORAL_VERSION} h1:`,
    );
  });

  it.each([
    { why: 'there is no Go', go: undefined, reason: '`go` is not on the PATH' },
    { why: 'the build fails', go: 'echo "go: no such module" >&2; exit 3', reason: 'no such module' },
  ])('takes a Temporal CLI where $why, and says so', async ({ go, reason }) => {
    if (go !== undefined) await script(join(bin, 'go'), go);
    const onPath = await script(join(bin, 'temporal'), versionIs('1.5.1 (Server 1.29.1, UI 2.42.1)'));
    const lines: string[] = [];
    const found = await findTemporalServer(search({ log: (line) => lines.push(line) }));
    expect(found).toBe(onPath);
    expect(lines.at(-1)).toContain(`Temporal ${TEMPORAL_VERSION} cannot be built: `);
    expect(lines.at(-1)).toContain(reason);
  });
});

describe('the search for a Temporal CLI', () => {
  it('prefers the one on the PATH to the cached one', async () => {
    const onPath = await script(join(bin, 'temporal'), versionIs('1.10.0 (Server 1.33.0, UI 2.50.0)'));
    await script(built(), '');
    expect(await findTemporalCli(search())).toBe(onPath);
  });

  it.each([
    {
      which: 'too old',
      body: versionIs('1.4.9 (Server 1.28.0, UI 2.39.0)'),
      fault: 'is version 1.4.9, and 1.5.0',
    },
    { which: 'of a time before versions', body: versionIs('0.0.0-DEV'), fault: 'is version 0.0.0' },
    { which: 'something else', body: 'echo "Usage: temporal <planet>"', fault: 'does not say which version' },
    { which: 'broken', body: 'exit 127', fault: 'does not say which version' },
  ])('passes over one on the PATH that is $which, and says so', async ({ body, fault }) => {
    await script(join(bin, 'temporal'), body);
    await script(built(), '');
    const lines: string[] = [];
    expect(await findTemporalCli(search({ log: (line) => lines.push(line) }))).toBe(built());
    expect(lines).toEqual([expect.stringContaining(fault)]);
  });

  it('passes over a file on the PATH that cannot be run', async () => {
    await writeFile(join(bin, 'temporal'), '', { mode: 0o644 });
    await script(built(), '');
    expect(await findTemporalCli(search())).toBe(built());
  });

  it('prefers the cached one to a download', async () => {
    await script(built(), '');
    const download = jest.fn(() => Promise.resolve('/downloaded'));
    expect(await findTemporalCli(search({ download }))).toBe(built());
    expect(download).not.toHaveBeenCalled();
  });

  it('prefers a download to a build', async () => {
    await fakeGo();
    const download = (folder: string) => script(join(folder, 'downloaded'), '');
    expect(await findTemporalCli(search({ download }))).toBe(join(cacheDir, 'downloads', 'downloaded'));
    expect(await builds()).toBe(0);
  });

  it('builds when the download fails, keeps what it built and leaves nothing else', async () => {
    await fakeGo();
    expect(await findTemporalCli(search())).toBe(built());
    expect(await findTemporalCli(search())).toBe(built());
    expect(await builds()).toBe(1);
    expect(await readdir(cacheDir)).toEqual([`temporal-cli-${TEMPORAL_CLI_VERSION}`]);
  });

  it('builds exactly what the committed module pins', async () => {
    await fakeGo(`echo "$@" > ${root}/arguments; cp go.mod go.sum ${root}`);
    await findTemporalCli(search());
    expect(await readFile(join(root, 'arguments'), 'utf8')).toContain('-mod=readonly -trimpath');
    expect(await readFile(join(root, 'go.mod'), 'utf8')).toContain(
      `github.com/temporalio/cli v${TEMPORAL_CLI_VERSION}`,
    );
    expect(await readFile(join(root, 'go.sum'), 'utf8')).toContain(
      `github.com/temporalio/cli v${TEMPORAL_CLI_VERSION} h1:`,
    );
  });

  it('tells what it does and how long it has been at it', async () => {
    await fakeGo(`while [ ! -e ${root}/go-on ]; do sleep 0.05; done`);
    const lines: string[] = [];
    const log = (line: string) => {
      lines.push(line);
      if (lines.filter((told) => told.startsWith('Still building')).length === 2)
        void writeFile(join(root, 'go-on'), '');
    };
    await findTemporalCli(search({ log, progressEveryMs: 30 }));
    expect(lines.find((line) => line.startsWith('Building'))).toMatch(/about 5 minutes .* once/);
  });

  it('names every way that failed, why, and what to install', async () => {
    await script(join(bin, 'go'), 'echo "go: no such module" >&2; exit 3');
    const failure = await findTemporalCli(search()).catch((error: unknown) => String(error));
    expect(failure).toContain('`temporal` on the PATH: not there');
    expect(failure).toContain(`the cached one: nothing in ${cacheDir}`);
    expect(failure).toContain('a download: no network');
    expect(failure).toContain('a build from Go modules: exit 3: go: no such module');
    const [sentence] = failure.split('\n');
    for (const remedy of ['install the Temporal CLI 1.5.0', '; install Go', '; or set TEMPORAL_ADDRESS']) {
      expect(sentence).toContain(remedy);
    }
    expect(await readdir(cacheDir)).toEqual([]);
  });

  it('says that go is missing', async () => {
    await expect(findTemporalCli(search({ path: bin }))).rejects.toThrow(
      'needs `go`, which is not on the PATH',
    );
  });

  it('builds once for two callers at once', async () => {
    await fakeGo('sleep 0.2');
    expect(await Promise.all([findTemporalCli(search()), findTemporalCli(search())])).toEqual([
      built(),
      built(),
    ]);
    expect(await builds()).toBe(1);
  });

  it('builds once for two processes at once; the second says that it waits', async () => {
    // Goes on when the other process has said that it waits.
    await fakeGo(`while [ ! -e ${root}/go-on ]; do sleep 0.05; done`);
    const code = `
      const { findTemporalCli } = require(${JSON.stringify(require.resolve('../../src/dev-server/temporal-cli'))});
      findTemporalCli({
        path: ${JSON.stringify(search().path)},
        cacheDir: ${JSON.stringify(cacheDir)},
        log: (line) => {
          console.error(line);
          if (line.startsWith('Another process')) require('node:fs').writeFileSync(${JSON.stringify(join(root, 'go-on'))}, '');
        },
        download: () => Promise.reject(new Error('no network')),
      }).then((path) => console.log(path));`;
    const run = () => promisify(execFile)(process.execPath, ['--import', 'tsx', '-e', code]);
    const [first, second] = await Promise.all([run(), run()]);
    expect([first.stdout.trim(), second.stdout.trim()]).toEqual([built(), built()]);
    expect(first.stderr + second.stderr).toContain('Another process is making temporal-cli; waiting for it');
    expect(await builds()).toBe(1);
  }, 30_000);

  it('takes over the lock of a process that was killed', async () => {
    await fakeGo();
    const lock = join(cacheDir, 'temporal-cli.lock');
    await mkdir(lock, { recursive: true });
    const aMinuteAgo = new Date(Date.now() - 60_000);
    await utimes(lock, aMinuteAgo, aMinuteAgo);
    expect(await findTemporalCli(search())).toBe(built());
  });
});

describe('the search for a time-skipping test server', () => {
  it('refuses jars that are not the pinned ones, and keeps nothing', async () => {
    await script(join(bin, 'java'), '');
    const folder = '"$' + '{1#-DoutputDirectory=}"';
    await script(
      join(bin, 'mvn'),
      `while [ "$1" = "$` +
        `{1#-DoutputDirectory}" ]; do shift; done; mkdir -p ${folder}; echo x > ${folder}/evil.jar`,
    );
    await expect(findTestServer(search())).rejects.toThrow(/Java and Maven: wrong checksum, .*evil\.jar/);
    expect(await readdir(cacheDir)).toEqual([]);
  });

  it('names every way that failed, why, and what to install', async () => {
    const failure = await findTestServer(search({ path: bin })).catch((error: unknown) => String(error));
    expect(failure).toContain('a download: no network');
    expect(failure).toContain('Java and Maven: needs `java`, which is not on the PATH');
    expect(failure).toContain('install Java 11 or later and Maven');
  });

  it('takes a folder only when it holds the listed files alone, with their checksums', async () => {
    const hello = '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03';
    await writeFile(join(bin, 'a.jar'), 'hello\n');
    await checkJars(bin, `${hello}  a.jar\n`);
    await expect(checkJars(bin, `${hello}  a.jar\n${hello}  b.jar\n`)).rejects.toThrow('b.jar');
    await expect(checkJars(bin, `${hello.replace('5', '6')}  a.jar\n`)).rejects.toThrow('a.jar');
    await writeFile(join(bin, 'c.jar'), 'hello\n');
    await expect(checkJars(bin, `${hello}  a.jar\n`)).rejects.toThrow('c.jar');
  });
});

describe('the dev server', () => {
  const linkState = defineSearchAttributeKey('LinkState', SearchAttributeType.KEYWORD);
  const running: DevServer[] = [];

  async function start(options: Partial<DevServerOptions> = {}): Promise<DevServer> {
    const server = await startDevServer({ serverPath: await temporalServer(), ...options });
    running.push(server);
    return server;
  }

  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.stop()));
  });

  it(
    'keeps workflows and search attributes in its file over a restart',
    async () => {
      const options = {
        dbFile: join(root, 'data', 'temporal.db'),
        logFile: join(root, 'data', 'temporal.log'),
        searchAttributes: [['LinkState', 'Keyword']],
      } as const;
      const first = await start(options);
      const before = await Connection.connect({ address: first.address });
      await new Client({ connection: before }).workflow.start('anything', {
        workflowId: 'kept',
        taskQueue: 'nobody-listens',
        typedSearchAttributes: [{ key: linkState, value: 'waiting' }],
      });
      await before.close();
      await first.stop();
      expect(await first.exited).toMatchObject({ asked: true });
      expect(isAlive(first.pid)).toBe(false);

      const second = await start(options);
      const after = await Connection.connect({ address: second.address });
      const { workflow } = new Client({ connection: after });
      const { status, typedSearchAttributes } = await workflow.getHandle('kept').describe();
      const listed: string[] = [];
      for await (const { workflowId } of workflow.list({ query: `LinkState = 'waiting'` }))
        listed.push(workflowId);
      await after.close();
      expect([status.name, typedSearchAttributes.get(linkState), listed]).toEqual([
        'RUNNING',
        'waiting',
        ['kept'],
      ]);
    },
    START_TIMEOUT_MS,
  );

  it(
    'serves the Web UI, with the codec endpoint, when it is asked for',
    async () => {
      const server = await start({ uiPort: 0, codecEndpoint: 'http://127.0.0.1:3002' });
      const settings = await fetch(`${server.uiUrl}/api/v1/settings`);
      expect(JSON.stringify(await settings.json())).toContain('http://127.0.0.1:3002');
    },
    START_TIMEOUT_MS,
  );

  it(
    'reports an end that nobody asked for',
    async () => {
      const server = await start();
      process.kill(server.pid, 'SIGKILL');
      expect(await server.exited).toMatchObject({ asked: false, signal: 'SIGKILL' });
    },
    START_TIMEOUT_MS,
  );

  it(
    'ends when the process that started it is killed',
    async () => {
      const code = `
        const { startDevServer } = require(${JSON.stringify(require.resolve('../../src/dev-server/dev-server'))});
        startDevServer({ serverPath: ${JSON.stringify(await temporalServer())} }).then((server) => console.log(server.pid));`;
      const parent: ChildProcess = spawn(process.execPath, ['--import', 'tsx', '-e', code], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      if (parent.stdout === null) throw new Error('no output to read');
      const [line]: unknown[] = await once(createInterface(parent.stdout), 'line');
      const pid = Number(line);
      expect(isAlive(pid)).toBe(true);
      parent.kill('SIGKILL');
      await waitFor(() => !isAlive(pid));
    },
    START_TIMEOUT_MS,
  );

  it('refuses a port that another process has', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    try {
      await once(other, 'listening');
      const address = other.address();
      if (address === null || typeof address === 'string') throw new Error('no port');
      const taken = `Port ${address.port} on 127.0.0.1 is taken`;
      await expect(startDevServer({ serverPath: '/bin/true', port: address.port })).rejects.toThrow(taken);
    } finally {
      other.close();
    }
  });

  it('fails with the end of its output when the server ends at once', async () => {
    const serverPath = await script(join(bin, 'temporal'), 'echo "unknown flag: --headless" >&2; exit 1');
    await expect(startDevServer({ serverPath })).rejects.toThrow(
      /ended at once \(exit 1\)\nunknown flag: --headless/,
    );
  });

  it('says that the server cannot be run', async () => {
    await expect(startDevServer({ serverPath: join(root, 'missing') })).rejects.toThrow(
      /could not be started: .*ENOENT/,
    );
  });

  it('fails in time, and leaves no process, when the server never gets ready and ignores SIGTERM', async () => {
    const pidFile = join(root, 'pid');
    const serverPath = await script(
      join(bin, 'temporal'),
      `trap '' TERM; echo $$ > ${pidFile}; echo starting; while :; do sleep 0.1; done`,
    );
    await expect(startDevServer({ serverPath, startTimeoutMs: 300, stopGraceMs: 200 })).rejects.toThrow(
      /not ready within .*\nstarting/,
    );
    expect(isAlive(Number(await readFile(pidFile, 'utf8')))).toBe(false);
  });
});
