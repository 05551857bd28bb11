/**
 * Builds the package from the sources of the service: each entry as one CommonJS file, the same file for `import` through a
 * list of its names, and the declarations. There is one copy of every class, however it is loaded.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.join(HERE, '../..');
const DIST = path.join(HERE, 'dist');
const ENTRIES = { index: 'link-client', simulators: 'simulators' };

const require = createRequire(import.meta.url);
const manifest = JSON.parse(readFileSync(path.join(HERE, 'package.json'), 'utf8'));

// npm runs this after an install too, where development dependencies may have been left out.
const esbuild = await import('esbuild').catch(() => undefined);
if (esbuild === undefined) process.exit();

await rm(DIST, { recursive: true, force: true });
const { metafile } = await esbuild.build({
  entryPoints: Object.fromEntries(
    Object.entries(ENTRIES).map(([name, folder]) => [name, path.join(ROOT, 'src', folder, 'index.ts')]),
  ),
  outdir: DIST,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  // What is not a dependency of the package is built in: Fastify, which the simulators listen with, and @hpke/core, whose
  // CommonJS files hide their requires from the bundlers of callers.
  external: Object.keys(manifest.dependencies).flatMap((name) => [name, `${name}/*`]),
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
  absWorkingDir: ROOT,
});
await writeFile(path.join(DIST, 'THIRD-PARTY-LICENSES.txt'), licensesOf(Object.keys(metafile.inputs)));
execFileSync(process.execPath, [path.join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', HERE], {
  stdio: 'inherit',
});
for (const [name, folder] of Object.entries(ENTRIES)) {
  const names = Object.keys(require(path.join(DIST, `${name}.js`))).sort();
  await writeFile(path.join(DIST, `${name}.mjs`), `export { ${names.join(', ')} } from './${name}.js';\n`);
  const types = `export * from './types/${folder}/index.js';\n`;
  await writeFile(path.join(DIST, `${name}.d.ts`), types);
  await writeFile(path.join(DIST, `${name}.d.mts`), types);
}

/** The licences of the packages that were built in. */
function licensesOf(inputs) {
  const folders = new Set(inputs.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []));
  return [...folders]
    .sort()
    .map((folder) => {
      const { name, version, license } = JSON.parse(
        readFileSync(path.join(ROOT, folder, 'package.json'), 'utf8'),
      );
      const file = readdirSync(path.join(ROOT, folder)).find((one) => /^licen[cs]e/i.test(one));
      const text = file === undefined ? '' : readFileSync(path.join(ROOT, folder, file), 'utf8');
      return `${name} ${version} (${license})\n\n${text.trim()}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
