// Builds the pages into app/static/: graphiql/, reference/ and viewer/. Every script and style has its content's hash in
// its name, so browsers may keep it for good; manifest.json tells app/routes/pages.py the names of the day. Beside each
// file is what app/compressed_files.py serves instead of it.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { mends } from './mends.mjs';
import { catalogue } from './texts.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const folder = (page) => fileURLToPath(new URL(`../app/static/${page}`, import.meta.url));

const options = {
  absWorkingDir: here,
  bundle: true,
  format: 'esm',
  splitting: true,
  minify: true,
  target: 'es2022',
  jsx: 'automatic',
  entryNames: '[name]-[hash]',
  chunkNames: 'chunk-[hash]',
  assetNames: '[name]-[hash]',
  loader: { '.ttf': 'file', '.graphql': 'text' },
  // GraphiQL imports these under the names of their CommonJS twins, whose named exports a split bundle loses.
  alias: { 'prettier/parser-babel': 'prettier/plugins/babel', 'prettier/parser-graphql': 'prettier/plugins/graphql' },
  define: { 'process.env.NODE_ENV': '"production"' },
  legalComments: 'none', // licenses.txt has the whole texts
  metafile: true,
  logLevel: 'warning',
};

/** The output files that an entry point became, by the entry point's path from here. */
function entries(result) {
  const outputs = Object.entries(result.metafile.outputs).filter(([, output]) => output.entryPoint);
  return Object.fromEntries(outputs.map(([file, { entryPoint, cssBundle }]) => [entryPoint, { file, cssBundle }]));
}

/** The name, version and licence text of every package that has code in the bundle. */
function licenses(inputs) {
  const folders = new Set(inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean));
  return [...folders].sort().map((folder) => {
    const { name, version, license, repository } = JSON.parse(readFileSync(join(here, folder, 'package.json'), 'utf8'));
    const texts = readdirSync(join(here, folder)).filter((file) =>
      /^(licen[cs]e|notice|thirdpartynotices)/i.test(file),
    );
    // A package that is a bundle itself has the texts of what is in it beside it.
    const bundled = inputs.filter((path) => path.startsWith(`${folder}/`)).map((path) => `${path}.LICENSE.txt`);
    const origin = typeof repository === 'string' ? repository : repository?.url;
    const files = [...texts.map((file) => join(folder, file)), ...bundled.filter((path) => existsSync(join(here, path)))];
    const body = files.map((path) => readFileSync(join(here, path), 'utf8').trim());
    return [`${name} ${version} (${license}), ${origin ?? 'no address'}`, ...body].join('\n\n');
  });
}

/** Files below this many bytes fit into a packet or two as they are. */
const SMALL = 1400;
/** The best brotli takes six times as long for a twelfth less. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };

function compress(outdir) {
  for (const name of readdirSync(outdir)) {
    const file = join(outdir, name);
    const content = readFileSync(file);
    if (content.length < SMALL) continue;
    writeFileSync(`${file}.br`, brotliCompressSync(content, BROTLI));
    writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
  }
}

/** Writes what belongs to a page beside its scripts: the licences, all of it compressed, and last the manifest, whose
 * presence the server takes for a whole build.
 */
function finish(outdir, entryPoint, results) {
  const { file, cssBundle } = entries(results.at(-1))[entryPoint];
  const inputs = results.flatMap((result) => Object.keys(result.metafile.inputs));
  writeFileSync(join(outdir, 'licenses.txt'), licenses(inputs).join(`\n\n${'='.repeat(80)}\n\n`) + '\n');
  compress(outdir);
  const manifest = { script: basename(file), style: basename(cssBundle) };
  writeFileSync(join(outdir, 'manifest.json'), JSON.stringify(manifest, null, 2) + '\n');
}

async function buildGraphiql() {
  const outdir = folder('graphiql');
  rmSync(outdir, { recursive: true, force: true });
  // The workers first: the page must know their names.
  const workerSources = {
    editor: 'node_modules/monaco-editor/esm/vs/editor/editor.worker.js',
    graphql: 'node_modules/monaco-graphql/esm/graphql.worker.js',
    json: 'node_modules/monaco-editor/esm/vs/language/json/json.worker.js',
  };
  const workers = await build({ ...options, outdir, entryPoints: Object.values(workerSources) });
  const workerFiles = Object.fromEntries(
    Object.entries(workerSources).map(([label, source]) => [label, basename(entries(workers)[source].file)]),
  );
  const entryPoint = 'src/graphiql.tsx';
  const page = await build({
    ...options,
    outdir,
    entryPoints: [entryPoint],
    define: { ...options.define, WORKER_FILES: JSON.stringify(workerFiles) },
    plugins: [mends],
  });
  finish(outdir, entryPoint, [workers, page]);
}

/** The texts that the viewer sends, by their SHA-256: for servers that run registered documents only. */
async function documents() {
  const source = join(here, 'src/viewer/graph/generated.ts');
  const { outputFiles } = await build({ entryPoints: [source], bundle: true, format: 'esm', write: false });
  const made = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
  const texts = Object.entries(made)
    .filter(([name]) => name.endsWith('Document'))
    .map(([, text]) => text.toString());
  return Object.fromEntries(texts.map((text) => [createHash('sha256').update(text).digest('hex'), text]));
}

/** What the viewer says in another language, as a script of its own: import('catalogue:fr'). */
const catalogues = {
  name: 'catalogues',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^catalogue:/ }, ({ path }) => ({
      path: path.slice(path.indexOf(':') + 1),
      namespace: 'catalogue',
    }));
    onLoad({ filter: /.*/, namespace: 'catalogue' }, ({ path }) => ({
      contents: `export default ${JSON.stringify(catalogue(path))}`,
      resolveDir: here,
    }));
  },
};

async function buildViewer() {
  const outdir = folder('viewer');
  rmSync(outdir, { recursive: true, force: true });
  const entryPoint = 'src/viewer/main.tsx';
  const page = await build({ ...options, outdir, entryPoints: { viewer: entryPoint }, plugins: [catalogues] });
  writeFileSync(join(outdir, 'documents.json'), JSON.stringify(await documents(), null, 2) + '\n');
  finish(outdir, entryPoint, [page]);
}

async function buildReference() {
  const outdir = folder('reference');
  rmSync(outdir, { recursive: true, force: true });
  const entryPoint = 'src/reference/reference.ts';
  finish(outdir, entryPoint, [await build({ ...options, outdir, entryPoints: [entryPoint] })]);
}

await buildViewer();
await buildReference();
await buildGraphiql();
