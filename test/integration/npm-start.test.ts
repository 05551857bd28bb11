import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import {
  jobResultSchema,
  linkSummarySchema,
  linkTokenSchema,
  linkViewSchema,
  notificationSchema,
} from '../../src/contract/schemas';
import { SAVED_QUERIES } from '../../src/operator/links/saved-queries';
import type { Ended } from '../support/ended';
import { NpmStart } from '../support/npm-start';
import { ROOT } from '../support/source-files';

jest.setTimeout(180_000);

let started: NpmStart;
beforeAll(async () => {
  started = await NpmStart.make();
  await started.start();
});
afterAll(() => started.remove());

async function linkWhen(userId: string, state: string): Promise<unknown> {
  for (;;) {
    const { body } = await started.api('GET', `/v1/links/${userId}`);
    if (typeof body === 'object' && body !== null && Reflect.get(body, 'state') === state) return body;
  }
}

/** What the page does: Link, simulated, then the start of the link. */
async function link(userId: string): Promise<void> {
  const session = await started.api('POST', '/demo/simulated-link', { userId, bank: 'First Platypus Bank' });
  const { publicToken } = session.body as { publicToken: string };
  const request = { userId, publicToken, jobs: ['employer-classification'] };
  expect(await started.api('POST', '/demo/api/v1/links', request)).toMatchObject({ status: 202 });
}

/** Of each answer that a session of bash got. */
function statusesOf({ output }: Ended): string[] {
  return [...output.matchAll(/^(\d{3}) [A-Z]+ http/gm)].map(([, status = '']) => status);
}

describe('npm start', () => {
  it('refuses to run a second time in the same folder, and names who runs there', async () => {
    const { code, output } = await started.run('start', [], { PORT: '0' });
    expect(code).toBe(1);
    expect(output).toMatch(/^start: Process \d+, http:\/\/127\.0\.0\.1:\d+ runs in .* already\./m);
  });

  it('lets npm run sim make things happen to a user, and knows of them after a restart', async () => {
    await link('alice');
    await linkWhen('alice', 'linked');
    const metrics = await (await fetch(`${started.url}/metrics`)).text();
    for (const name of ['step_duration_seconds', 'time_to_linked_seconds', 'http_request_duration_seconds'])
      expect(metrics).toMatch(new RegExp(`^processor_link_${name}_count\\{`, 'm'));
    const happened = await started.run('sim', ['require-login', 'alice']);
    expect(happened).toMatchObject({ code: 0, output: 'The bank asks alice for a sign-in.\n' });
    await linkWhen('alice', 'needs_attention');

    await started.stop();
    expect(await started.run('sim', ['sign-in', 'alice'])).toMatchObject({
      code: 1,
      output: expect.stringContaining('Nothing runs in this folder.'),
    });
    await started.start();
    expect(await started.api('POST', '/v1/links/alice/repaired')).toMatchObject({ status: 409 });
    await started.run('sim', ['sign-in', 'alice']);
    expect(await started.api('POST', '/v1/links/alice/repaired')).toMatchObject({ status: 202 });
    await linkWhen('alice', 'linked');

    await started.run('sim', ['revoke', 'alice']);
    await linkWhen('alice', 'unlinked');
  });

  it('says in a sentence what npm run sim cannot do', async () => {
    expect(await started.run('sim', ['revoke', 'nobody'])).toMatchObject({
      code: 1,
      output: 'Plaid has no Item of nobody.\n',
    });
    expect(await started.run('sim', ['explode', 'alice'])).toMatchObject({
      code: 1,
      output: expect.stringContaining('npm run sim -- require-login <user>'),
    });
  });

  it('keeps the page to browsers of this machine and of this page', async () => {
    const page = async (headers: Record<string, string>) =>
      (await fetch(`${started.url}/demo/setup`, { headers })).status;
    expect(await page({})).toBe(200);
    expect(await page({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await page({ 'sec-fetch-site': 'cross-site' })).toBe(404);
    expect(await page({ 'x-forwarded-for': '192.0.2.1' })).toBe(404);
    expect((await fetch(`${started.url}/demo/api/metrics`)).status).toBe(404);
  });

  it('serves no more than the page needs, under a strict policy', async () => {
    const response = await fetch(`${started.url}/demo`);
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(await response.text()).not.toContain('dev-key-for-this-machine');
  });

  it('does what docs/http.md says and what it prints, example by example', async () => {
    const examples = await httpExamples();
    const of = (language: string) =>
      examples.filter((one) => one.language === language).map(({ code }) => code);
    const [sh, json, html, js] = [of('sh'), of('json'), of('html'), of('js')];
    // An example in another language, or a second page, is one that nothing here runs.
    expect(sh.length + json.length + html.length + js.length).toBe(examples.length);
    expect([html.length, js.length]).toEqual([1, 1]);
    json.forEach(checkAnswer);

    const files = { folder: started.folder, userId: 'docs-bob' };
    const session = await browserSession({ html: html.join(''), js: js.join('') }, files);
    const [, afterIt = ''] = started.printed.split('Try it:');
    const isLogLine = (line: string) => line.startsWith('{');
    const printed = afterIt
      .split('\n')
      .filter((line) => !isLogLine(line))
      .join('\n');
    const [shell, browser, tried] = await Promise.all([
      started.runProgram('bash', ['-c', bashSession(sh, started.url).replaceAll('alice', 'docs-alice')]),
      started.runProgram(process.execPath, [session], { API: started.url }),
      started.runProgram('bash', [
        '-c',
        bashSession([printed], started.url).replaceAll('alice', 'tried-alice'),
      ]),
    ]);
    const expected = sh.flatMap(expectedStatuses);
    const begun = statusesOf(shell).map((status, index) => status.slice(0, expected[index]?.length));
    expect(shell.code === 0 ? begun : shell.output).toEqual(expected);
    expect(tried.code === 0 ? statusesOf(tried) : tried.output).toEqual(['200', '202', '200', '200', '200']);
    expect(browser).toMatchObject({ code: 0 });
    expect(JSON.parse(browser.output)).toMatchObject([
      { linkToken: expect.any(String) },
      { userId: 'docs-bob', state: 'exchanging' },
      { job: 'employer-classification', state: 'completed', result: expect.any(Array) },
      { linkToken: expect.any(String) },
      { userId: 'docs-bob' },
    ]);
  });

  it('prints the lists of links that operators look at, as links into the Temporal UI', async () => {
    const printed = (await started.stop())?.output ?? '';
    const urls = [...printed.matchAll(/(http:\/\/\S+)\?query=(\S+)/g)];
    expect(urls.map(([, , query = '']) => decodeURIComponent(query))).toEqual(
      SAVED_QUERIES.map(({ query }) => query),
    );
    for (const [, list = ''] of urls) expect(list).toMatch(/:\d+\/namespaces\/default\/workflows$/);
  });
});

interface Example {
  language: string;
  code: string;
}

/** What an example of an answer can be. */
const answerSchema = z.union([
  linkTokenSchema,
  linkViewSchema,
  jobResultSchema,
  z.strictObject({ links: z.array(linkSummarySchema), nextPageToken: z.string().optional() }),
  notificationSchema,
  z.strictObject({
    type: z.string().startsWith('urn:problem-type:processor-link:'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    errors: z.array(z.strictObject({ path: z.string(), message: z.string() })),
  }),
]);

async function httpExamples(): Promise<Example[]> {
  const text = await readFile(path.join(ROOT, 'docs/http.md'), 'utf8');
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, language = '', code = '']) => ({
    language,
    code,
  }));
}

/** Throws where it is no answer that the API could give. */
function checkAnswer(code: string): void {
  answerSchema.parse(JSON.parse(code));
}

/** How the answer to each `curl` of a block begins: 2 for success, or what a comment says, such as `# 400`. */
function expectedStatuses(code: string): string[] {
  const [, said] = /# ([45]\d\d)\b/.exec(code) ?? [];
  return [...code.matchAll(/\bcurl /g)].map(() => said ?? '2');
}

/** One session of bash, as the document has it. It prints the status of each answer to standard error, a line each. */
function bashSession(blocks: readonly string[], url: string): string {
  const commands = path.join(ROOT, 'src/commands');
  const prelude = `
    set -euo pipefail
    curl() { command curl -w '%{stderr}\\n%{http_code} %{method} %{url_effective}\\n' "$@"; }
    npm() {
      [ "$1 $3" = 'run --' ]
      node --import '${require.resolve('tsx')}' "${commands}/$2.ts" "\${@:4}"
      case "$4" in
        require-login | account-gone)
          until command curl -s "${url}/v1/links/$5" -H "$AUTH" | grep -q needs_attention; do sleep 0.1; done ;;
      esac
    }`;
  return [prelude, ...blocks.map((code) => code.replace('http://127.0.0.1:3000', url))].join('\n');
}

/**
 * A module that clicks through the frontend's example, with the backend's behind it, and a user who links a bank, is asked
 * to sign in again, and does. It prints what `/my-backend` has answered, as JSON. Answers the module's path.
 */
async function browserSession(
  { html, js }: { html: string; js: string },
  { folder, userId }: { folder: string; userId: string },
): Promise<string> {
  const [, frontend = ''] = /<script type="module">([\s\S]*)<\/script>/.exec(html) ?? [];
  const files = path.join(folder, 'browser');
  await mkdir(files, { recursive: true });
  await writeFile(path.join(files, 'backend.mjs'), js);
  await writeFile(path.join(files, 'frontend.mjs'), frontend);
  const session = path.join(files, 'session.mjs');
  await writeFile(
    session,
    `import * as backend from './backend.mjs';
    const userId = ${JSON.stringify(userId)};
    const answers = [];
    const byPath = {
      '/my-backend/link-token': ({ mode }) => backend.linkToken(userId, mode),
      '/my-backend/link': (body) => backend.link(userId, body),
      '/my-backend/repaired': () => backend.repaired(userId),
    };
    const http = globalThis.fetch;
    const simulator = async (name, body) => {
      const headers = { 'content-type': 'application/json' };
      const url = process.env.API + '/demo/' + name;
      return (await http(url, { method: 'POST', headers, body: JSON.stringify({ userId, ...body }) })).json();
    };
    globalThis.fetch = async (url, init) => {
      const route = byPath[url];
      if (!route) return http(url, init);
      const answer = await route(JSON.parse(init.body));
      answers.push(answer);
      return Response.json(answer);
    };
    const buttons = {};
    globalThis.document = { querySelector: (name) => (buttons[name] ??= {}) };
    let opened;
    globalThis.Plaid = {
      create: ({ token, onSuccess }) => {
        if (!token.startsWith('link-')) throw new Error('This is no Link token: ' + token);
        return { open: () => opened(onSuccess) };
      },
    };
    const click = async (name) => {
      const success = new Promise((resolve) => (opened = resolve));
      await buttons[name].onclick();
      return success;
    };
    await import('./frontend.mjs');

    const onLinked = await click('#link');
    const { publicToken, metadata } = await simulator('simulated-link', { bank: 'Houndstooth Bank' });
    await onLinked(publicToken, metadata);
    answers.push(await backend.employers(userId));

    await simulator('simulate', { event: 'require-login' });
    const onRepaired = await (async () => {
      for (;;) {
        try {
          return await click('#repair');
        } catch (error) {
          if (error.code !== 'not_needed') throw error;
        }
      }
    })();
    await simulator('simulate', { event: 'sign-in' });
    await onRepaired(undefined, { accounts: [] });
    console.log(JSON.stringify(answers));`,
  );
  return session;
}
