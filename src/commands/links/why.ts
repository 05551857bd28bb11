import { workflowIdOf } from '../../contract/names';
import { diagnose } from '../../operator/links/diagnosis';
import { type LinkFacts, readFacts } from '../../operator/links/link-facts';
import type { LinkRow } from '../../operator/links/link-row';
import { readStory, type StoryLine, shortened } from '../../operator/links/story';
import { diagnosisContext } from '../../operator/links/stuck-links';
import { StartError } from '../../process/start-error';
import type { LinksArguments } from './arguments';
import { EXIT } from './exit-codes';
import { printJson, say, wrapped } from './output';
import { type LinksSession, runLinksCommand } from './session';

/** With the lines of what is now, ten in all. */
const STORY_LINES = 8;

export function why({ userId, job, json }: LinksArguments): Promise<void> {
  if (userId === undefined || job !== undefined)
    throw new StartError('Name a user: npm run links -- why <userId>');
  return runLinksCommand({ json }, async (session) => {
    const [row, story] = await Promise.all([
      presentOf(session, userId),
      readStory(session, { workflowId: workflowIdOf(userId) }),
    ]);
    const told = shortened(story, STORY_LINES);
    if (json) printJson({ ...row, story: told });
    else print(row, told);
    return EXIT.done;
  });
}

/** As a row of `stuck`; a link that is not stuck has neither code nor command. */
type Present = Omit<LinkRow, 'code' | 'command'> & {
  code: LinkRow['code'] | null;
  command: string | null;
};

async function presentOf(session: LinksSession, userId: string): Promise<Present> {
  const { resultOverdueAfterMs } = session.settings;
  const [facts, context] = await Promise.all([
    readFacts(session, workflowIdOf(userId)),
    diagnosisContext({ ...session, resultOverdueAfterMs }),
  ]);
  if (!facts) throw new StartError(`No link of ${userId} is there.`);
  return diagnose(facts, context) ?? atRest(facts);
}

function atRest({ userId, state, stateSince, status, errorCode }: LinkFacts): Present {
  const since = stateSince;
  const present = { userId, since, code: null, command: null };
  if (status === 'terminated') {
    const cause = 'It was ended by force: Atomic may still read, and the Item lives on.';
    return {
      ...present,
      state: 'failed',
      cause,
      move: 'operator',
      command: `npm run links -- forget ${userId} --yes`,
    };
  }
  if (status === 'closed') return { ...present, state, cause: 'The link has ended.', move: 'nobody' };
  if (state !== 'needs_attention')
    return { ...present, state, cause: 'It is as it should be.', move: 'nobody' };
  const reason = errorCode === undefined ? '' : `: ${errorCode}`;
  return { ...present, state, cause: `The link waits for its user${reason}.`, move: 'user' };
}

function print({ userId, state, since, cause, move, command }: Present, story: readonly StoryLine[]): void {
  say(`${userId}: ${state} since ${since.slice(0, 19)}Z`);
  for (const { at, what } of story) {
    const [line = '', ...rest] = wrapped(what, '  ');
    say(`  ${at.slice(0, 19)}Z${line}${rest.length > 0 ? ' …' : ''}`);
  }
  for (const line of wrapped(`Now: ${cause}`, '  ')) say(line);
  if (move !== 'nobody')
    for (const line of wrapped(`Next: ${move}${command === null ? '' : `: ${command}`}`, '  ')) say(line);
}
