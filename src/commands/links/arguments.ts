import { isJob, type Job } from '../../contract/jobs';
import { userIdSchema } from '../../contract/schemas';
import { StartError } from '../../process/start-error';
import { readCommandLine } from '../command-line';

/** What follows the name of a command. */
export interface LinksArguments {
  userId?: string;
  job?: Job;
  /** Of Temporal's visibility, on open links. */
  query?: string;
  dryRun: boolean;
  yes: boolean;
  json: boolean;
  /** Links a second. */
  pace: number;
}

const DEFAULT_PACE = 50;

/** Throws {@link StartError} with what is wrong. */
export function readArguments(args: readonly string[]): LinksArguments {
  const { positionals, values } = parsed(args);
  const [first] = positionals;
  // With a query the only word that may follow is a job.
  if (values.query !== undefined && first !== undefined && !isJob(first)) {
    throw new StartError('Name one user, or a --query, not both.');
  }
  const [userId, job, ...rest] = values.query === undefined ? positionals : [undefined, ...positionals];
  if (rest.length > 0) throw new StartError(`Too many arguments: ${rest.join(' ')}`);
  if (userId !== undefined && !userIdSchema.safeParse(userId).success) {
    throw new StartError('The user id must be 1 to 128 of A-Z a-z 0-9 _ . : -');
  }
  if (job !== undefined && !isJob(job)) throw new StartError(`No such job: ${job}`);
  const pace = paceOf(values.pace, DEFAULT_PACE);
  return {
    ...(userId !== undefined && { userId }),
    ...(job !== undefined && { job }),
    ...(values.query !== undefined && { query: values.query }),
    dryRun: values['dry-run'],
    yes: values.yes,
    json: values.json,
    pace,
  };
}

/** What follows `import`. */
export interface ImportArguments {
  file: string;
  dryRun: boolean;
  yes: boolean;
  json: boolean;
  /** Links a second. */
  pace: number;
}

/** Each link is several calls to Plaid and Atomic, whose limits all users share. */
const DEFAULT_IMPORT_PACE = 5;

/** Throws {@link StartError} with what is wrong. */
export function readImportArguments(args: readonly string[]): ImportArguments {
  const { positionals, values } = parsed(args);
  const [file, ...rest] = positionals;
  if (file === undefined) throw new StartError('Name a file: npm run links -- import <file.jsonl>');
  if (rest.length > 0) throw new StartError(`Too many arguments: ${rest.join(' ')}`);
  if (values.query !== undefined) throw new StartError('import takes a file, and no --query.');
  const pace = paceOf(values.pace, DEFAULT_IMPORT_PACE);
  return { file, dryRun: values['dry-run'], yes: values.yes, json: values.json, pace };
}

function paceOf(given: string | undefined, standing: number): number {
  const pace = Number(given ?? standing);
  if (!(pace > 0 && pace <= 1_000)) throw new StartError('--pace must be 1 to 1000 links a second');
  return pace;
}

function parsed(args: readonly string[]) {
  return readCommandLine({
    args: [...args],
    allowPositionals: true,
    options: {
      query: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      pace: { type: 'string' },
    },
  });
}
