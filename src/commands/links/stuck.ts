import type { LinkRow } from '../../operator/links/link-row';
import { type StuckLinks, stuckLinks } from '../../operator/links/stuck-links';
import { StartError } from '../../process/start-error';
import type { LinksArguments } from './arguments';
import { EXIT } from './exit-codes';
import { printJson, say, wrapped } from './output';
import { runLinksCommand } from './session';

/** Of one cause; the rest are counted. */
const SHOWN_OF_A_CODE = 10;

export function stuck({ userId, job, query, json }: LinksArguments): Promise<void> {
  if (userId !== undefined) throw new StartError(`Of one user it is: npm run links -- why ${userId}`);
  if (job !== undefined) throw new StartError('stuck takes no job.');
  return runLinksCommand({ json }, async (session) => {
    const found = await stuckLinks({
      ...session,
      resultOverdueAfterMs: session.settings.resultOverdueAfterMs,
      ...(query !== undefined && { query }),
    });
    if (json) printJson({ links: found.rows });
    else printStuck(found);
    return EXIT.done;
  });
}

function printStuck({ rows, open, lookedAt }: StuckLinks): void {
  const looked = lookedAt < open ? `, of which ${lookedAt} were looked at` : '';
  say(`${rows.length} of ${open} open links ${rows.length === 1 ? 'is' : 'are'} stuck${looked}.`);
  for (const code of new Set(rows.map((row) => row.code))) {
    const alike = rows.filter((row) => row.code === code);
    say('');
    say(`${code}: ${alike.length}`);
    for (const row of alike.slice(0, SHOWN_OF_A_CODE)) printRow(row);
    if (alike.length > SHOWN_OF_A_CODE) say(`  … and ${alike.length - SHOWN_OF_A_CODE} more`);
    const all = alike.length > 1 ? commandForAll(code, alike) : undefined;
    if (all !== undefined) say(`  for all: ${all}`);
  }
}

function printRow({ userId, state, since, cause, move, command }: LinkRow): void {
  say(`  ${userId}  ${state} since ${since.slice(0, 19)}Z`);
  for (const line of wrapped(cause, '    ')) say(line);
  for (const line of wrapped(`${move}: ${command}`, '    ')) say(line);
}

/** One command for links of the same cause, where the index tells them from others. */
function commandForAll(code: LinkRow['code'], rows: readonly LinkRow[]): string | undefined {
  const action = /^npm run links -- (retry|rerun|fetch) /.exec(rows[0]?.command ?? '')?.[1];
  if (action === undefined) return undefined;
  const condition = action === 'fetch' ? "LinkState = 'waiting'" : `LinkError = '${code}'`;
  return `npm run links -- ${action} --query "${condition}" --yes`;
}
