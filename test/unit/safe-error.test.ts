import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SAFE_ERROR_NAMES } from '../../src/contract/safe-error';
import { filesBelow, ROOT } from '../support/source-files';

it('names every error whose message may be logged', () => {
  const classes = filesBelow('src').flatMap((file) => {
    const text = readFileSync(path.join(ROOT, file), 'utf8');
    return [...text.matchAll(/class (\w+) extends SafeError\b/g)].map(([, name]) => name);
  });
  expect(classes.sort()).toEqual([...SAFE_ERROR_NAMES]);
});
