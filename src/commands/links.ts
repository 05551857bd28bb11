/** `npm run links`: finds, explains and repairs links, one or many. */
import { orSayWhatIsWrong } from './command-line';
import { act } from './links/act';
import { ACTIONS } from './links/actions';
import { readArguments, readImportArguments } from './links/arguments';
import { EXIT } from './links/exit-codes';
import { importLinks } from './links/import-links';
import { stuck } from './links/stuck';
import { why } from './links/why';

const USAGE = `Usage:
  npm run links -- stuck                links that stand still: why, whose move
  npm run links -- why <userId>         the story of one link
${ACTIONS.map(({ name, does }) => `  npm run links -- ${`${name} <userId>`.padEnd(21)} ${does}`).join('\n')}
  npm run links -- import <file.jsonl>  link users whose Items you have

  --query "<condition>"   instead of a user: open links by Temporal's index, as
                          LinkError = 'configuration_error'
  --dry-run, --yes        show what would be done; do it
  --pace <number>         links a second, where each is called; default 50, import 5
  --json                  one JSON document

Exit codes: 0 done, 1 failed, 2 nothing was done without --yes, 3 Temporal does
not answer, 4 done in part.
`;

function run(name: string | undefined, args: readonly string[]): Promise<void> | undefined {
  if (name === 'stuck') return stuck(readArguments(args));
  if (name === 'why') return why(readArguments(args));
  if (name === 'import') return importLinks(readImportArguments(args));
  const action = ACTIONS.find((known) => known.name === name);
  return action && act(action, readArguments(args));
}

const running = orSayWhatIsWrong('links', '', () => run(process.argv[2], process.argv.slice(3)));
if (!running) {
  process.stderr.write(USAGE);
  process.exitCode = EXIT.failed;
}
