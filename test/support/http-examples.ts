/** The examples of docs/http.md, to be run against `npm start` as a reader would run them. */
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
import { ROOT } from './source-files';

export interface Example {
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

export async function httpExamples(): Promise<Example[]> {
  const text = await readFile(path.join(ROOT, 'docs/http.md'), 'utf8');
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, language = '', code = '']) => ({
    language,
    code,
  }));
}

/** Throws where it is no answer that the API could give. */
export function checkAnswer(code: string): void {
  answerSchema.parse(JSON.parse(code));
}

/** How the answer to each `curl` of a block begins: 2 for success, or what a comment says, such as `# 400`. */
export function expectedStatuses(code: string): string[] {
  const [, said] = /# ([45]\d\d)\b/.exec(code) ?? [];
  return [...code.matchAll(/\bcurl /g)].map(() => said ?? '2');
}

/** One session of bash, as the document has it. It prints the status of each answer to standard error, a line each. */
export function bashSession(blocks: readonly string[], url: string): string {
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
export async function browserSession(
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
