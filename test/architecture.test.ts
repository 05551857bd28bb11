import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import {
  filesBelow,
  packageOf,
  parseSource,
  ROOT,
  readSourceFile,
  resolveImport,
  type SourceFile,
} from './support/source-files';

interface Room {
  /** Other rooms that it may use. */
  rooms: readonly string[];
  /** Rooms of which it may know the types and no more. */
  typesOf?: readonly string[];
  packages: readonly string[];
  /** Node's own modules. Default true. */
  node?: boolean;
}

/** Who may use whom: the whole architecture, as data. */
const ROOMS: Readonly<Record<string, Room>> = {
  'src/contract': { rooms: [], packages: ['zod'], node: false },
  workflows: {
    rooms: ['src/contract'],
    typesOf: ['activities'],
    packages: ['@temporalio/workflow', '@temporalio/common'],
    node: false,
  },
  activities: { rooms: ['src/contract', 'src/providers'], packages: ['@temporalio/activity'] },
  'src/providers': { rooms: ['src/contract'], packages: ['plaid', 'standardwebhooks'] },
  'src/webhooks': { rooms: ['src/contract'], packages: ['jose', 'secure-json-parse', 'zod'] },
  'src/temporal': {
    rooms: ['src/contract'],
    packages: [
      '@temporalio/client',
      '@temporalio/common',
      '@temporalio/envconfig',
      '@temporalio/proto',
      'zod',
    ],
  },
  'src/http': {
    rooms: ['src/contract', 'src/webhooks'],
    typesOf: ['src/temporal'],
    packages: [
      'fastify',
      'fastify-plugin',
      '@fastify/cors',
      '@fastify/helmet',
      '@fastify/rate-limit',
      '@fastify/swagger-ui',
      '@fastify/under-pressure',
      'jose',
      'prom-client',
      'zod',
    ],
  },
  'src/simulators': { rooms: ['src/contract'], packages: ['fastify', 'zod'] },
  'src/dev-server': {
    rooms: ['src/contract'],
    packages: ['@temporalio/client', '@temporalio/testing', 'proper-lockfile'],
  },
};
/** Types that a room may take from packages beside those it uses. */
const TYPE_PACKAGES: Readonly<Record<string, readonly string[]>> = { 'src/http': ['@temporalio/common'] };
/** Processes that are run from built code, where there are no development dependencies. */
const PRODUCTION_ENTRIES = ['src/api.ts', 'src/worker.ts', 'src/codec.ts', 'src/temporal/client.ts'];

const product = ['src', 'workflows', 'activities']
  .flatMap(filesBelow)
  .filter((file) => file.endsWith('.ts'))
  .map(readSourceFile);
const byName = new Map(product.map((source) => [source.file, source]));
const manifest: {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));

/** The room of a file; undefined for the entry points and what wires them, directly in src/. */
function roomOf(file: string): string | undefined {
  return Object.keys(ROOMS).find((room) => file.startsWith(`${room}/`));
}

/** What a file imports against the table, in words. */
function trespasses({ file, imports }: SourceFile): string[] {
  const name = roomOf(file);
  const room = name === undefined ? undefined : ROOMS[name];
  if (name === undefined || room === undefined) return [];
  return imports.flatMap(({ specifier, typeOnly }) => {
    if (specifier.startsWith('.')) {
      const target = resolveImport(file, specifier);
      if (target === undefined) return [`${file}: ${specifier} is no file`];
      const other = roomOf(target);
      const allowed = [name, ...room.rooms, ...(typeOnly ? (room.typesOf ?? []) : [])];
      return other !== undefined && allowed.includes(other) ? [] : [`${file} → ${target}`];
    }
    if (isBuiltin(specifier)) return (room.node ?? true) ? [] : [`${file} → ${specifier}`];
    const allowed = [...room.packages, ...(typeOnly ? (TYPE_PACKAGES[name] ?? []) : [])];
    return allowed.includes(packageOf(specifier)) ? [] : [`${file} → ${specifier}`];
  });
}

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(specifier);
}

/** Packages that are loaded at run time from a file on, by the files that load them. */
function loadedFrom(entry: string): { packages: Map<string, string>; files: Set<string> } {
  const packages = new Map<string, string>();
  const files = new Set<string>();
  const queue = [entry];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    const source = byName.get(file);
    if (!source || files.has(file)) continue;
    files.add(file);
    for (const { specifier, typeOnly } of source.imports) {
      if (typeOnly) continue;
      const target = resolveImport(file, specifier);
      if (target !== undefined) queue.push(target);
      else if (!specifier.startsWith('.') && !isBuiltin(specifier)) packages.set(packageOf(specifier), file);
    }
  }
  return { packages, files };
}

describe('the table of rooms', () => {
  it('has a row for every room', () => {
    const folders = new Set(product.map(({ file }) => file.split('/').slice(0, -1)[1] ?? file.split('/')[0]));
    const rows = Object.keys(ROOMS).map((room) => room.replace(/^src\//, ''));
    expect([...folders].filter((folder) => folder !== 'src').sort()).toEqual(rows.sort());
  });

  it('is kept by every import', () => {
    expect(product.flatMap(trespasses)).toEqual([]);
  });

  it('is not kept by an import from a room next door', () => {
    const file = 'workflows/intruder.ts';
    const code = `
      import { createActivities } from '../activities';
      import type { Activities } from '../activities';
      import { createPlaid } from '../src/providers/plaid';
      export * from '../src/temporal/key-ring';
      const late = () => import('../src/http/app');
      const old = require('node:fs');
      let shape: import('../src/settings').Env;`;
    expect(trespasses({ file, ...parseSource(code) })).toEqual([
      `${file} → activities/index.ts`,
      `${file} → src/providers/plaid.ts`,
      `${file} → src/temporal/key-ring.ts`,
      `${file} → src/http/app.ts`,
      `${file} → node:fs`,
      `${file} → src/settings.ts`,
    ]);
  });

  it('lets nothing import an entry point or what wires them', () => {
    const wiring = product.flatMap(({ file, imports }) =>
      roomOf(file) === undefined
        ? []
        : imports
            .map(({ specifier }) => resolveImport(file, specifier))
            .filter((target) => target && roomOf(target) === undefined),
    );
    expect(wiring).toEqual([]);
  });
});

describe('workflow code', () => {
  it("loads nothing but the SDK and the contract's constants", () => {
    const { packages, files } = loadedFrom('workflows/index.ts');
    expect([...packages.keys()].sort()).toEqual(['@temporalio/common', '@temporalio/workflow']);
    expect([...files].filter((file) => !/^(workflows|src\/contract)\//.test(file))).toEqual([]);
    expect(files).not.toContain('src/contract/schemas.ts');
  });

  it('gets a failure converter that loads nothing but the SDK', () => {
    const { packages } = loadedFrom('src/temporal/failure-converter.ts');
    expect([...packages.keys()]).toEqual(['@temporalio/common']);
  });
});

describe('the environment', () => {
  it('is read by files directly in src/ alone', () => {
    const readers = product.filter(({ readsEnvironment }) => readsEnvironment).map(({ file }) => file);
    expect(readers.length).toBeGreaterThan(0);
    expect(readers.filter((file) => !/^src\/[^/]+$/.test(file))).toEqual([]);
  });

  it.each([
    'process.env.A',
    "process['env'].A",
    'const { env } = process;',
    "import { env } from 'node:process';",
  ])('is seen to be read by: %s', (code) => {
    expect(parseSource(code).readsEnvironment).toBe(true);
  });
});

describe('packages', () => {
  const used = new Set(
    product
      .flatMap(({ imports }) => imports.map(({ specifier }) => specifier))
      .filter((specifier) => !specifier.startsWith('.') && !isBuiltin(specifier))
      .map(packageOf),
  );

  it('are declared where they are used', () => {
    const declared = { ...manifest.dependencies, ...manifest.devDependencies };
    expect([...used].filter((name) => !Object.hasOwn(declared, name))).toEqual([]);
  });

  it('are used where they are declared', () => {
    const texts = product.map(({ file }) => readFileSync(path.join(ROOT, file), 'utf8'));
    // Some are looked up by name, for the files in them.
    const isNamed = (name: string) => texts.some((text) => text.includes(`'${name}`));
    expect(Object.keys(manifest.dependencies).filter((name) => !used.has(name) && !isNamed(name))).toEqual(
      [],
    );
  });

  it.each(PRODUCTION_ENTRIES)('that %s loads are no development dependencies', (entry) => {
    expect(byName.has(entry)).toBe(true);
    const { packages } = loadedFrom(entry);
    const missing = [...packages].filter(([name]) => !Object.hasOwn(manifest.dependencies, name));
    expect(missing).toEqual([]);
  });
});

describe('files', () => {
  const folders = ['src', 'workflows', 'activities', 'test'];
  const paths = folders.flatMap(filesBelow).filter((file) => !file.startsWith('test/fixtures/'));

  it('have names in kebab-case', () => {
    const code = paths.filter((file) => /\.[cm]?[jt]sx?$/.test(file));
    expect(code.length).toBeGreaterThan(50);
    expect(
      code.filter((file) => !/^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(file)),
    ).toEqual([]);
  });

  it('are not called by what says nothing: utils, common, helpers, manager, misc', () => {
    expect(
      paths.filter((file) => /(^|[/.-])(utils?|common|helpers?|managers?|misc)([/.-]|$)/.test(file)),
    ).toEqual([]);
  });
});
