import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { JOBS } from '../../../src/contract/jobs';
import type { Service } from '../../support/service';

/** A line for a user whose Item the caller has at Plaid. */
export function lineOf(service: Service, userId = service.newUser()) {
  const { accessToken, accounts } = service.plaid.createItem({ userId });
  const [account] = accounts;
  return { userId, accessToken, ...(account && { accountId: account.accountId }), jobs: JOBS };
}

/** Writes lines, objects or plain text, as a file to import. */
export async function importFileOf(
  service: Service,
  name: string,
  lines: readonly unknown[],
): Promise<string> {
  const file = path.join(service.folder, name);
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  await writeFile(file, `${text.join('\n')}\n`);
  return file;
}
