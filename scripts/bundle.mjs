/**
 * Writes dist/: every command and what it needs as a few modules, the packages from outside among them, so that a start reads ten
 * files and not five hundred (docs/adr/0016-a-bundle.md).
 */
import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {build} from 'esbuild';
import {renderLicenses} from './licenses.mjs';
import {listFiles, root} from './setup.mjs';

const src = path.join(root, 'src');
const dist = path.join(root, 'dist');

/** Modules that something outside of the bundle asks for by their names. */
const entries = [
  ...listFiles(path.join(src, 'commands'))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `commands/${file}`),
  'lib/cli/main.ts',
  'lib/cli/completer.ts',
  'lib/cli/command-not-found.ts',
  // For scripts/generate.mjs and scripts/shellcheck.mjs.
  'lib/errors/codes.ts',
  'lib/host/verb-program.ts',
  'lib/inventory/schema-export.ts',
];

/** Stands for the address of dist/ in what esbuild writes, because it is not known before which file a module ends up in. */
const distMark = '__dist__';

/** A module that asks where it is hears the place below dist/ that its own path below src/ stands for. */
const ownPlaces = {
  name: 'own-places',
  setup({onLoad}) {
    onLoad({filter: /\.ts$/}, ({path: file}) => {
      const text = readFileSync(file, 'utf8');
      if (!file.startsWith(`${src}${path.sep}`) || !text.includes('import.meta.url')) return undefined;
      const place = path.relative(src, file).split(path.sep).join('/').replace(/\.ts$/, '.js');
      return {contents: text.replaceAll('import.meta.url', `new URL(${JSON.stringify(place)}, ${distMark})`), loader: 'ts'};
    });
  },
};

/** The parts of oclif that the sources use. Its index would load all of it at every start, semver to look at Node's version among it. */
const oclifParts = `
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
export {Args, Flags};
export {Command} from '@oclif/core/command';
export {execute} from '@oclif/core/execute';
export {loadHelpClass} from '@oclif/core/help';
import * as Parser from '@oclif/core/parser';
export {settings} from '@oclif/core/settings';
export {Parser};
`;
const oclifInParts = {
  name: 'oclif-in-parts',
  setup({onLoad, onResolve}) {
    onResolve({filter: /^@oclif\/core$/}, () => ({path: 'oclif-parts', namespace: 'parts'}));
    onLoad({filter: /.*/, namespace: 'parts'}, () => ({contents: oclifParts, loader: 'js', resolveDir: root}));
  },
};

const {outputFiles, metafile} = await build({
  absWorkingDir: root,
  entryPoints: entries.map((file) => path.join('src', file)),
  outbase: 'src',
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Names stay: people read them in a stack.
  minifyWhitespace: true,
  minifySyntax: true,
  // An exception that nobody caught shows its line.
  lineLimit: 160,
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
  write: false,
  plugins: [ownPlaces, oclifInParts],
  // Native parts of ssh2 gain nothing and need a compiler; oclif looks for TypeScript only where it transpiles by itself.
  external: ['*.node', 'cpu-features', 'typescript'],
  // What packages that are CommonJS expect to be there.
  banner: {
    js: [
      "import {createRequire as __createRequire} from 'node:module';",
      'const require = __createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;',
    ].join(''),
  },
});

const texts = new Map(
  outputFiles.map((file) => {
    const name = path.relative(dist, file.path);
    const up = '../'.repeat(name.split(path.sep).length - 1) || './';
    return [name, file.text.replaceAll(distMark, `new URL(${JSON.stringify(up)}, import.meta.url)`)];
  }),
);
for (const file of listFiles(src).filter((name) => name.endsWith('.sh'))) texts.set(file, readFileSync(path.join(src, file), 'utf8'));
texts.set('third-party-licenses.txt', renderLicenses(root, Object.values(metafile.outputs)));

rmSync(dist, {recursive: true, force: true});
for (const [file, text] of texts) {
  mkdirSync(path.dirname(path.join(dist, file)), {recursive: true});
  writeFileSync(path.join(dist, file), text);
}
