/** The simulator as one program: test/simulation with time that passes only when it is told to. */
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import {build} from 'esbuild';
import {root} from './setup.mjs';

/** What stands for the modules that know the time, and for the one that knows chance: nonces are counted, no two are the same. */
const stand = path.join(root, 'test', 'simulation', 'virtual-timers.ts');
const countedNonces = `export * from 'node:crypto';
let given = 0;
export const randomBytes = (size) => Buffer.from((++given).toString(16).padStart(2 * size, '0'), 'hex');
`;

/**
 * Writes it to `outfile`. `alter` is given each source of drover, its path from the root and its text, and gives the text that counts: sources
 * on disk stay as they are.
 */
export async function buildSimulator(outfile, alter = (_file, text) => text) {
  await build({
    absWorkingDir: root,
    entryPoints: ['test/simulation/main.ts'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    logLevel: 'error',
    external: ['*.node', 'cpu-features', 'typescript'],
    // What packages that are CommonJS expect to be there.
    banner: {
      js: "import {createRequire as __createRequire} from 'node:module'; const require = __createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;",
    },
    plugins: [
      {
        name: 'simulated',
        setup({onResolve, onLoad}) {
          onResolve({filter: /^node:(timers\/promises|perf_hooks)$/}, () => ({path: stand}));
          onResolve({filter: /^node:crypto$/}, ({namespace}) =>
            namespace === 'counted' ? undefined : {path: 'crypto', namespace: 'counted'},
          );
          onLoad({filter: /^crypto$/, namespace: 'counted'}, () => ({contents: countedNonces, loader: 'js'}));
          onLoad({filter: /\.ts$/}, ({path: file}) => {
            const name = path.relative(root, file).split(path.sep).join('/');
            const text = alter(name, readFileSync(file, 'utf8'));
            return {contents: text.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(file).href)), loader: 'ts'};
          });
        },
      },
    ],
  });
}
