import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { filesBelow, ROOT } from '../support/source-files';

const run = promisify(execFile);
/** Examples in comments leave out what their place makes plain. */
const USUAL_IMPORTS =
  "import { FakeLinkClient, LinkClient, LinkClientError } from 'processor-link-client';\n";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'processor-link-examples-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function examplesIn(file: string): string[] {
  const text = readFileSync(path.join(ROOT, file), 'utf8').replace(/^ *\* ?/gm, '');
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code = '']) =>
    code.includes('import ') ? code : USUAL_IMPORTS + code,
  );
}

/** What the compiler says of these files, as a strict caller would compile them. */
async function complaints(codes: readonly string[]): Promise<string> {
  const config = {
    compilerOptions: {
      target: 'es2023',
      module: 'preserve',
      moduleResolution: 'bundler',
      moduleDetection: 'force',
      strict: true,
      noEmit: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      types: ['node'],
      typeRoots: [path.join(ROOT, 'node_modules/@types')],
      paths: {
        'processor-link-client': [path.join(ROOT, 'src/link-client/index.ts')],
        'processor-link-client/simulators': [path.join(ROOT, 'src/simulators/index.ts')],
      },
    },
    files: codes.map((_, index) => `example-${index}.ts`),
  };
  await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  await Promise.all(
    codes.map((code, index) => writeFile(path.join(folder, `example-${index}.ts`), `${code}\nexport {};\n`)),
  );
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  return run(process.execPath, [tsc, '-p', folder]).then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  );
}

describe('examples of the client package', () => {
  it('compile, in its comments and its README', async () => {
    const files = [
      ...filesBelow('src/link-client').filter((file) => file.endsWith('.ts')),
      'packages/client/README.md',
    ];
    const examples = files.flatMap(examplesIn);
    expect(examples.length).toBeGreaterThanOrEqual(5);
    expect(await complaints(examples)).toBe('');
  });

  it('are seen not to compile when they are wrong', async () => {
    const wrong = "const links = await LinkClient.connect({ address: 'localhost:7233' });";
    expect(await complaints([USUAL_IMPORTS + wrong])).toContain('encryptionKeys');
  });
});
