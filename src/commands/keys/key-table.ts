import type { WorkflowsByKey } from '../../encryption/key-usage';

const SHOWN_WORKFLOWS = 5;

/** The keys of one setting, and what needs them. */
export interface KeyList {
  setting: 'ENCRYPTION_KEYS' | 'SEALING_KEYS';
  /** As they stand in the setting; undefined where it is not set here. */
  ids: readonly string[] | undefined;
  usage?: WorkflowsByKey;
}

/** A table of the keys that are there or needed. */
export function keyTable({ setting, ids = [], usage }: KeyList): string {
  const all = [...new Set([...ids, ...(usage?.keys() ?? [])])];
  const width = Math.max(3, ...all.map((id) => id.length));
  const place = (rank: number) => {
    if (rank === -1) return 'MISSING';
    const [first, others] = setting === 'ENCRYPTION_KEYS' ? ['encrypts', 'decrypts'] : ['seals', 'opens'];
    return rank === 0 ? `first: ${first}` : `yes: ${others}`;
  };
  const lines = all.map((id) =>
    [id.padEnd(width), place(ids.indexOf(id)).padEnd(20), neededBy(usage?.get(id), usage)]
      .join('  ')
      .trimEnd(),
  );
  return [
    `${'key'.padEnd(width)}  ${`in ${setting}`.padEnd(20)}  ${usage ? 'needed by' : ''}`.trimEnd(),
    ...lines,
  ]
    .map((line) => `  ${line}\n`)
    .join('');
}

function neededBy(users: readonly string[] = [], usage?: WorkflowsByKey): string {
  if (usage === undefined) return '';
  const shown = users.slice(0, SHOWN_WORKFLOWS).join(', ');
  const tail = users.length > SHOWN_WORKFLOWS ? ', …' : '';
  return `${users.length}${shown && `  (${shown}${tail})`}`;
}

/** Keys that something needs and the setting lacks. */
export function missingKeys({ ids, usage }: KeyList): string[] {
  return ids === undefined ? [] : [...(usage?.keys() ?? [])].filter((id) => !ids.includes(id));
}
