import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as client from '../../src/link-client';
import { filesBelow, ROOT, readSourceFile, resolveImport } from '../support/source-files';

const ENTRY = 'src/link-client/index.ts';
/** Thrown where a bank token is opened, and where search attributes are registered: by the service alone. */
const OF_THE_SERVICE = ['SearchAttributesError', 'UnknownSealingKeyError'];

/** The files that the package is made of. */
function reachable(): string[] {
  const files = new Set<string>();
  const queue = [ENTRY];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const { specifier, typeOnly } of readSourceFile(file).imports) {
      const target = typeOnly ? undefined : resolveImport(file, specifier);
      if (target !== undefined) queue.push(target);
    }
  }
  return [...files];
}

function namesIn(files: readonly string[], pattern: RegExp): string[] {
  const found = files.flatMap((file) =>
    [...readFileSync(path.join(ROOT, file), 'utf8').matchAll(pattern)].map(([, name = '']) => name),
  );
  return [...new Set(found)].sort();
}

describe('errors of the client package', () => {
  it('are exported, each that its files can throw, as classes of their own', () => {
    const files = reachable();
    expect(files.length).toBeGreaterThan(20);
    const own = namesIn(files, /\bclass (\w+) extends (?:Safe)?Error\b/g);
    expect(own).toContain('LinkClientError');
    const exported = Object.entries(client)
      .filter(([, value]) => typeof value === 'function' && value.prototype instanceof Error)
      .map(([name]) => name);
    expect(exported.sort()).toEqual(
      own.filter((name) => name !== 'SafeError' && !OF_THE_SERVICE.includes(name)),
    );
  });

  it('are LinkClientError alone in the folder of the client', () => {
    const made = namesIn(
      filesBelow('src/link-client').filter((file) => file.endsWith('.ts')),
      /\bnew (\w*Error)\(/g,
    );
    expect(made).toEqual(['LinkClientError']);
  });
});
