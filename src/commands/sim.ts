/** `npm run sim`: makes something happen at the simulated Plaid and Atomic of a running `npm start`. */

import { holderOf } from '../local/data-folder-lock';
import { DEMO_URL } from '../local/demo-page';
import { DATA_FOLDER } from '../system/data-folder';

const USAGE = `Usage:
  npm run sim -- require-login <user>     the bank asks for a sign-in
  npm run sim -- sign-in <user>           the user has signed in again
  npm run sim -- account-gone <user>      the account is no longer shared
  npm run sim -- webhook <user> [job]     Atomic sends its webhooks again
  npm run sim -- revoke <user>            the user withdraws permission
  npm run sim -- delay <user> [seconds]   the next call is answered later; default 10
  npm run sim -- fail <user> [times]      the next calls fail; default 3
`;
/** What the third word is called, for those that have one. */
const DETAILS: Readonly<Record<string, string | undefined>> = {
  'require-login': undefined,
  'sign-in': undefined,
  'account-gone': undefined,
  webhook: 'job',
  revoke: undefined,
  delay: 'seconds',
  fail: 'times',
};

async function main([event, userId, detail, ...rest]: readonly string[]): Promise<string> {
  if (event === undefined || userId === undefined || rest.length > 0 || !Object.hasOwn(DETAILS, event)) {
    throw new Error(USAGE);
  }
  const name = DETAILS[event];
  if (detail !== undefined && name === undefined) throw new Error(USAGE);
  const holder = await holderOf(DATA_FOLDER);
  if (holder?.apiUrl === undefined) {
    throw new Error('Nothing runs in this folder. Start it first: npm start\n');
  }
  const response = await fetch(`${holder.apiUrl}${DEMO_URL}/simulate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ event, userId, ...(detail !== undefined && name && { [name]: detail }) }),
  });
  const answer: unknown = await response.json();
  const text = (field: string) =>
    typeof answer === 'object' && answer !== null ? String(Reflect.get(answer, field)) : '';
  if (!response.ok) throw new Error(`${text('detail')}\n`);
  return text('happened');
}

main(process.argv.slice(2)).then(
  (happened) => process.stdout.write(`${happened}\n`),
  (error: unknown) => {
    process.stderr.write(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  },
);
