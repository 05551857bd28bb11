import { existsSync, readFileSync } from 'node:fs';
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
  /** Packages of which it may know the types and no more. */
  typePackages?: readonly string[];
  /** Node's own modules. Default true. */
  node?: boolean;
}

/** Who may use whom: the whole architecture, as data, from the ground up. */
const ROOMS: Readonly<Record<string, Room>> = {
  'src/contract': { rooms: [], packages: ['zod'], node: false },
  'src/system': { rooms: ['src/contract'], packages: [] },

  'src/logging': {
    rooms: ['src/contract'],
    packages: ['@temporalio/client', '@temporalio/common', 'pino'],
    typePackages: ['@temporalio/worker'],
  },
  'src/encryption': {
    rooms: ['src/contract', 'src/system'],
    packages: ['@hpke/core', '@temporalio/common', '@temporalio/proto'],
    typePackages: ['@temporalio/client'],
  },
  'src/temporal': {
    rooms: ['src/contract'],
    packages: ['@temporalio/client', '@temporalio/common', '@temporalio/envconfig', '@temporalio/proto'],
  },
  'src/providers': { rooms: ['src/contract'], packages: ['axios', 'plaid', 'standardwebhooks', 'undici'] },
  'src/webhooks': {
    rooms: ['src/contract', 'src/system'],
    packages: ['jose', 'secure-json-parse', 'zod'],
  },
  'src/simulators': { rooms: ['src/contract'], packages: ['fastify', 'zod'] },
  'src/dev-server': {
    rooms: ['src/contract', 'src/system'],
    packages: ['@temporalio/client', '@temporalio/testing', 'proper-lockfile'],
  },

  'src/tracing': {
    rooms: ['src/contract', 'src/system', 'src/providers'],
    typesOf: ['src/logging'],
    packages: [
      '@opentelemetry/api',
      '@opentelemetry/context-async-hooks',
      '@opentelemetry/core',
      '@opentelemetry/exporter-trace-otlp-http',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-trace-base',
      '@temporalio/common',
    ],
    typePackages: ['@temporalio/client', '@temporalio/worker'],
  },
  'src/settings': {
    rooms: ['src/contract', 'src/system', 'src/logging', 'src/encryption', 'src/temporal', 'src/providers'],
    packages: ['zod'],
    typePackages: ['@temporalio/envconfig'],
  },
  'src/link-client': {
    rooms: ['src/contract', 'src/system', 'src/encryption', 'src/temporal'],
    packages: ['@temporalio/client', '@temporalio/common', '@temporalio/proto'],
  },
  'src/http/server': {
    rooms: ['src/contract', 'src/system', 'src/logging'],
    packages: ['fastify', '@fastify/rate-limit', '@opentelemetry/api', 'helmet', 'prom-client', 'zod'],
  },
  'src/http/api': {
    rooms: ['src/contract', 'src/system', 'src/logging', 'src/webhooks', 'src/http/server'],
    typesOf: ['src/link-client'],
    packages: ['fastify', 'fastify-plugin', '@fastify/under-pressure', 'zod'],
    typePackages: ['prom-client'],
  },
  'src/http/codec': {
    rooms: ['src/contract', 'src/logging', 'src/http/server'],
    packages: ['@fastify/cors', 'fastify', 'jose', 'zod'],
    typePackages: ['@temporalio/common', 'prom-client'],
  },
  activities: { rooms: ['src/contract', 'src/providers'], packages: ['@temporalio/activity'] },

  workflows: {
    rooms: ['src/contract'],
    typesOf: ['activities'],
    packages: ['@temporalio/workflow', '@temporalio/common'],
    node: false,
  },
  'src/process': {
    rooms: [
      'src/contract',
      'src/system',
      'src/logging',
      'src/encryption',
      'src/temporal',
      'src/providers',
      'src/webhooks',
      'src/settings',
      'src/http/server',
      'src/http/api',
      'src/http/codec',
      'src/link-client',
      'src/tracing',
    ],
    packages: ['@temporalio/client', 'prom-client'],
    typePackages: ['fastify', 'pino'],
  },

  'src/worker': {
    rooms: [
      'src/contract',
      'src/system',
      'src/logging',
      'src/encryption',
      'src/temporal',
      'src/providers',
      'src/process',
      'workflows',
      'activities',
      'src/tracing',
    ],
    typesOf: ['src/settings'],
    packages: ['@temporalio/client', '@temporalio/common', '@temporalio/worker', 'prom-client'],
    typePackages: ['@temporalio/envconfig'],
  },

  'src/local': {
    rooms: [
      'src/contract',
      'src/system',
      'src/providers',
      'src/settings',
      'src/http/server',
      'src/process',
      'src/worker',
      'src/simulators',
      'src/dev-server',
      'src/tracing',
    ],
    packages: ['@temporalio/activity', 'zod'],
    typePackages: ['@temporalio/envconfig', 'fastify'],
  },

  'src/operator': {
    rooms: [
      'src/contract',
      'src/system',
      'src/encryption',
      'src/temporal',
      'src/providers',
      'src/link-client',
    ],
    typesOf: ['src/settings'],
    packages: ['@temporalio/client', '@temporalio/common', '@temporalio/proto', 'zod'],
  },

  'src/commands': {
    rooms: [
      'src/contract',
      'src/system',
      'src/encryption',
      'src/temporal',
      'src/providers',
      'src/settings',
      'src/link-client',
      'src/http/server',
      'src/process',
      'src/worker',
      'src/local',
      'src/operator',
      'src/tracing',
    ],
    packages: ['@temporalio/client', '@temporalio/worker', 'pino', 'pino-pretty', 'zod'],
  },
};
/** The only files that read the environment. */
const ENVIRONMENT_READERS = ['src/commands/demo.ts', 'src/commands/start.ts', 'src/process/environment.ts'];
/** They run on a developer's machine alone; only these folders may use them. */
const DEVELOPMENT_ROOMS = ['src/simulators', 'src/dev-server'];
const USERS_OF_DEVELOPMENT_ROOMS = ['src/local', ...DEVELOPMENT_ROOMS];
/** Processes that are run from built code, where there are no development dependencies. */
const PRODUCTION_ENTRIES = [
  'src/commands/api.ts',
  'src/commands/worker.ts',
  'src/commands/codec.ts',
  'src/commands/links.ts',
  'src/commands/doctor.ts',
  'src/link-client/index.ts',
];

const product = ['src', 'workflows', 'activities']
  .flatMap(filesBelow)
  .filter((file) => file.endsWith('.ts'))
  .map(readSourceFile);
const byName = new Map(product.map((source) => [source.file, source]));
const manifest: {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));

/** The room of a file; undefined for a file in none. */
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
    const allowed = [...room.packages, ...(typeOnly ? (room.typePackages ?? []) : [])];
    return allowed.includes(packageOf(specifier)) ? [] : [`${file} → ${specifier}`];
  });
}

/** Chains of files that import each other at run time. */
function circles(): string[] {
  const found: string[] = [];
  const finished = new Set<string>();
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (path.includes(file) || finished.has(file)) return;
    for (const { specifier, typeOnly } of byName.get(file)?.imports ?? []) {
      const target = typeOnly ? undefined : resolveImport(file, specifier);
      if (target !== undefined) visit(target, [...path, file]);
    }
    finished.add(file);
  };
  for (const { file } of product) visit(file, []);
  return found;
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
  it('has a row for every file, and a file for every row', () => {
    expect(product.map(({ file }) => file).filter((file) => roomOf(file) === undefined)).toEqual([]);
    const used = new Set(product.map(({ file }) => roomOf(file)));
    expect(Object.keys(ROOMS).filter((room) => !used.has(room))).toEqual([]);
  });

  it('lets no folder import another that stands later in it', () => {
    const order = Object.keys(ROOMS);
    const upwards = Object.entries(ROOMS).flatMap(([name, { rooms, typesOf = [] }]) =>
      [...rooms, ...typesOf]
        .filter((other) => order.indexOf(other) >= order.indexOf(name))
        .map((other) => `${name} → ${other}`),
    );
    expect(upwards).toEqual([]);
  });

  it('keeps simulators and the dev server out of production', () => {
    const users = Object.entries(ROOMS).filter(([name]) => !USERS_OF_DEVELOPMENT_ROOMS.includes(name));
    const trespassing = users.filter(([, { rooms, typesOf = [] }]) =>
      [...rooms, ...typesOf].some((room) => DEVELOPMENT_ROOMS.includes(room)),
    );
    expect(trespassing.map(([name]) => name)).toEqual([]);
  });

  it('has no circle of files', () => {
    expect(circles()).toEqual([]);
  });

  it('is kept by every import', () => {
    expect(product.flatMap(trespasses)).toEqual([]);
  });

  it('is not kept by an import from a room next door', () => {
    const file = 'workflows/intruder.ts';
    const code = `
      import { createActivities } from '../activities';
      import type { Activities } from '../activities';
      import { createPlaid } from '../src/providers/plaid/client';
      export * from '../src/encryption/key-ring';
      const late = () => import('../src/http/api/app');
      const old = require('node:fs');
      let shape: import('../src/settings/environment').Env;`;
    expect(trespasses({ file, ...parseSource(code) })).toEqual([
      `${file} → activities/index.ts`,
      `${file} → src/providers/plaid/client.ts`,
      `${file} → src/encryption/key-ring.ts`,
      `${file} → src/http/api/app.ts`,
      `${file} → node:fs`,
      `${file} → src/settings/environment.ts`,
    ]);
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
    const { packages } = loadedFrom('src/encryption/failure-converter.ts');
    expect([...packages.keys()]).toEqual(['@temporalio/common']);
  });
});

describe('the environment', () => {
  it('is read by the entry points alone', () => {
    const readers = product.filter(({ readsEnvironment }) => readsEnvironment).map(({ file }) => file);
    expect(readers.sort()).toEqual(ENVIRONMENT_READERS);
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
      code
        // What a browser loads as it is.
        .filter((file) => file !== 'src/local/demo-page/demo.mjs')
        .filter(
          (file) => !/^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*((\.long)?\.test)?\.ts$/.test(file),
        ),
    ).toEqual([]);
  });

  it('are not called by what says nothing: utils, common, helpers, manager, misc', () => {
    expect(
      paths.filter((file) => /(^|[/.-])(utils?|common|helpers?|managers?|misc)([/.-]|$)/.test(file)),
    ).toEqual([]);
  });
});

describe('a workaround for the SDK', () => {
  it.each(filesBelow('workflows/sdk'))(
    'says what it is about, what shows it, and when it goes: %s',
    (file) => {
      const text = readFileSync(path.join(ROOT, file), 'utf8');
      const parts = ['Upstream', 'Without it', 'Shown by', 'Goes when'];
      expect(parts.filter((part) => !text.includes(`\n * ${part}: `))).toEqual([]);
      expect(text).toMatch(/Upstream: (temporalio\/sdk-\w+#\d+|no issue is known)/);
      const tests = [...text.matchAll(/test\/[\w/.-]+\.test\.ts/g)].map(([name]) => name);
      expect(tests.length).toBeGreaterThan(0);
      expect(tests.filter((name) => !existsSync(path.join(ROOT, name)))).toEqual([]);
    },
  );
});

describe("Temporal's suggestion to continue as new", () => {
  it('is read where a marker remembers it, and nowhere else', () => {
    const files = filesBelow('workflows').filter((file) => file.endsWith('.ts'));
    const reading = files.filter((file) =>
      readFileSync(path.join(ROOT, file), 'utf8').includes('continueAsNewSuggested'),
    );
    expect(reading.map((file) => path.basename(file))).toEqual(['suggested-end.ts']);
  });
});

describe('the clock of the API', () => {
  it('decides nothing in a workflow: when the request came is kept, shown and measured, and no more', () => {
    const files = filesBelow('workflows').filter((file) => file.endsWith('.ts'));
    const naming = files.filter((file) => readFileSync(path.join(ROOT, file), 'utf8').includes('createdAt'));
    expect(naming.map((file) => path.basename(file))).toEqual([
      'facts.ts',
      'link-run.ts',
      'link-view.ts',
      'measure.ts',
    ]);
  });
});

describe('replays in the thread of the tests', () => {
  it('go through the one place that leaves no hook of the SDK behind, but for the test of our own hook', () => {
    const files = ['test', 'bench'].flatMap(filesBelow).filter((file) => file.endsWith('.ts'));
    const replaying = files.filter((file) =>
      /\bWorker\.runReplayHistor/.test(readFileSync(path.join(ROOT, file), 'utf8')),
    );
    expect(replaying).toEqual(['test/replay/lean-threads.test.ts', 'test/support/replay.ts']);
  });
});
