// Builds the GraphiQL page into app/static/graphiql/. Every script and style has its content's hash in its name, so
// browsers may keep it for good; manifest.json tells app/routes/pages.py the names of the day.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const outdir = fileURLToPath(new URL('../app/static/graphiql', import.meta.url));

const options = {
  absWorkingDir: here,
  outdir,
  bundle: true,
  format: 'esm',
  splitting: true,
  minify: true,
  target: 'es2022',
  jsx: 'automatic',
  entryNames: '[name]-[hash]',
  chunkNames: 'chunk-[hash]',
  assetNames: '[name]-[hash]',
  loader: { '.ttf': 'file' },
  // GraphiQL imports these under the names of their CommonJS twins, whose named exports a split bundle loses.
  alias: { 'prettier/parser-babel': 'prettier/plugins/babel', 'prettier/parser-graphql': 'prettier/plugins/graphql' },
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
    const texts = readdirSync(join(here, folder)).filter((file) => /^(licen[cs]e|notice|thirdpartynotices)/i.test(file));
    const origin = typeof repository === 'string' ? repository : repository?.url;
    const body = texts.map((file) => readFileSync(join(here, folder, file), 'utf8').trim());
    return [`${name} ${version} (${license}), ${origin ?? 'no address'}`, ...body].join('\n\n');
  });
}

rmSync(outdir, { recursive: true, force: true });

// The workers first: the page must know their names.
const workerSources = {
  editor: 'node_modules/monaco-editor/esm/vs/editor/editor.worker.js',
  graphql: 'node_modules/monaco-graphql/esm/graphql.worker.js',
  json: 'node_modules/monaco-editor/esm/vs/language/json/json.worker.js',
};
const workers = await build({ ...options, entryPoints: Object.values(workerSources) });
const workerFiles = Object.fromEntries(
  Object.entries(workerSources).map(([label, source]) => [label, basename(entries(workers)[source].file)]),
);

const page = await build({
  ...options,
  entryPoints: ['src/graphiql.tsx'],
  define: { 'process.env.NODE_ENV': '"production"', WORKER_FILES: JSON.stringify(workerFiles) },
});
const { file, cssBundle } = entries(page)['src/graphiql.tsx'];

const inputs = [workers, page].flatMap((result) => Object.keys(result.metafile.inputs));
writeFileSync(join(outdir, 'licenses.txt'), licenses(inputs).join(`\n\n${'='.repeat(80)}\n\n`) + '\n');
// Last, because the server takes its presence for a whole build.
writeFileSync(
  join(outdir, 'manifest.json'),
  JSON.stringify({ script: basename(file), style: basename(cssBundle) }, null, 2) + '\n',
);
