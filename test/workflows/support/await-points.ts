import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const WORKFLOWS = join(__dirname, '../../../workflows');

/** What a workflow can wait in, whether or not an `await` stands before it. */
const WAITS =
  /\bawait\s+([\w.]*)|(?<![\w.])(condition|sleep|startChild|executeChild|continueAsNew|perform|call|link\.(?:exchange|setup|result|interactive|cleanup)\.\w+)(?=\()/g;
const TOP_LEVEL = /^(?:export )?(?:async )?function (\w+)/;
const METHOD = /^ {2}(?:private |get |async )*(\w+)(?:<[^(]*>)?\(.*\{$/;
const HANDLER = /^ {2}setHandler\((?:(\w+),.*)?$/;

/**
 * Every place in the workflow's code at which it may wait: for each function, method or handler what it waits in, in the
 * order of the source. The code is laid out by the formatter, which is what tells where a function begins.
 */
export function awaitPoints(
  sources: Readonly<Record<string, string>> = workflowSources(),
): Record<string, string[]> {
  const points: Record<string, string[]> = {};
  for (const [file, source] of Object.entries(sources)) {
    let scope = '';
    let nameComes = false;
    for (const line of withoutTexts(source).split('\n')) {
      const begins = TOP_LEVEL.exec(line) ?? METHOD.exec(line) ?? HANDLER.exec(line);
      if (begins) scope = begins[1] ?? scope;
      if (nameComes) scope = line.trim().replace(',', '');
      nameComes = HANDLER.test(line) && !begins?.[1];
      if (TOP_LEVEL.test(line) || METHOD.test(line) || line.startsWith('import')) continue;
      for (const [, awaited, begun] of line.matchAll(WAITS)) {
        const place = `${file} ${scope}`;
        points[place] = [...(points[place] ?? []), awaited ?? begun ?? ''];
      }
    }
  }
  return points;
}

function workflowSources(): Record<string, string> {
  const files = readdirSync(WORKFLOWS).filter((name) => name.endsWith('.ts'));
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(WORKFLOWS, file), 'utf8')]));
}

/** The source with its comments and texts made empty, and its lines where they were. */
function withoutTexts(source: string): string {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/(^|\s)\/\/.*$/gm, '')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
}
