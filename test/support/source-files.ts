import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseSync } from '@swc/core';

export const ROOT = path.resolve(__dirname, '..', '..');

export interface ImportedModule {
  specifier: string;
  /** Erased by the compiler: nothing of it is there at run time. */
  typeOnly: boolean;
}

export interface SourceFile {
  /** From the root, with `/`: `src/http/api/app.ts`. */
  file: string;
  imports: ImportedModule[];
  /** It has `process.env`, or gets at it by importing `process`. */
  readsEnvironment: boolean;
}

/** Files below a folder of the project, from the root, with `/`. */
export function filesBelow(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .sort();
}

export function readSourceFile(file: string): SourceFile {
  return { file, ...parseSource(readFileSync(path.join(ROOT, file), 'utf8')) };
}

/** Imports of every form: static, `import type`, `export from`, `import()`, in types too, `require` and `require.resolve`. */
export function parseSource(text: string): Omit<SourceFile, 'file'> {
  const found: Omit<SourceFile, 'file'> = { imports: [], readsEnvironment: false };
  visit(parseSync(text, { syntax: 'typescript', target: 'es2022' }), found);
  found.readsEnvironment ||= found.imports.some(({ specifier }) => /^(node:)?process$/.test(specifier));
  return found;
}

/** The file that an import of another file stands for; undefined where there is none, and for packages. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const target = path.posix.join(path.posix.dirname(from), specifier);
  return [`${target}.ts`, `${target}/index.ts`, target].find((file) => allFiles().has(file));
}

/** `@temporalio/client/lib/x` is of the package `@temporalio/client`. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

let known: Set<string> | undefined;
function allFiles(): Set<string> {
  known ??= new Set(['src', 'workflows', 'activities', 'test'].flatMap(filesBelow));
  return known;
}

type Node = Record<string, unknown>;

function visit(value: unknown, found: Omit<SourceFile, 'file'>): void {
  if (Array.isArray(value)) for (const item of value) visit(item, found);
  if (!isNode(value)) return;
  note(value, found);
  for (const child of Object.values(value)) visit(child, found);
}

function note(node: Node, found: Omit<SourceFile, 'file'>): void {
  const add = (literal: unknown, typeOnly: boolean) => {
    if (isNode(literal) && typeof literal.value === 'string')
      found.imports.push({ specifier: literal.value, typeOnly });
  };
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      add(node.source, node.typeOnly === true || everySpecifierIsType(node.specifiers));
      return;
    case 'TsImportType':
      add(node.argument, true);
      return;
    case 'TsExternalModuleReference':
      add(node.expression, false);
      return;
    case 'CallExpression':
      if (isLoading(node.callee) && Array.isArray(node.arguments)) {
        const [first] = node.arguments;
        add(isNode(first) ? first.expression : undefined, false);
      }
      return;
    case 'MemberExpression':
      if (isNamed(node.object, 'process') && (isNamed(node.property, 'env') || isComputed(node.property)))
        found.readsEnvironment = true;
      return;
    case 'VariableDeclarator':
      // const { env } = process
      if (isNamed(node.init, 'process')) found.readsEnvironment = true;
      return;
  }
}

function everySpecifierIsType(specifiers: unknown): boolean {
  return (
    Array.isArray(specifiers) &&
    specifiers.length > 0 &&
    specifiers.every((specifier) => isNode(specifier) && specifier.isTypeOnly === true)
  );
}

/** `import(…)`, `require(…)` and `require.resolve(…)`. */
function isLoading(callee: unknown): boolean {
  if (!isNode(callee)) return false;
  if (callee.type === 'MemberExpression') return isNamed(callee.object, 'require');
  return callee.type === 'Import' || isNamed(callee, 'require');
}

function isNamed(node: unknown, name: string): boolean {
  return isNode(node) && node.type === 'Identifier' && node.value === name;
}

function isComputed(node: unknown): boolean {
  return isNode(node) && node.type === 'Computed';
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
