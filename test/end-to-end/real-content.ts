import {execFile} from 'node:child_process';
import {existsSync} from 'node:fs';
import {cp, mkdir, mkdtemp, readdir, rename, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

const run = promisify(execFile);
const cache = fileURLToPath(new URL('../../.rig/content', import.meta.url));
const packageName = '@mui/icons-material';

/** The versions of the package that stand for two days of a site. */
export const versions = ['6.4.0', '7.3.5'] as const;

/** Files of each version that are used: enough to be real, few enough for eight hosts on two cores. */
export const fileCount = 5400;

/**
 * Two versions of a published package with thousands of small files, as folders; fetched once by npm and kept. Each gets a page that says
 * which version it is and a sitemap.
 */
export async function fetchRealContent(): Promise<readonly [string, string]> {
  const [older, newer] = await Promise.all(versions.map((version) => fetchVersion(version)));
  if (older === undefined || newer === undefined) throw new Error('no content');
  return [older, newer];
}

async function fetchVersion(version: string): Promise<string> {
  const target = path.join(cache, `icons-${version}-${fileCount}`);
  if (existsSync(target)) return target;
  await mkdir(cache, {recursive: true});
  const work = await mkdtemp(path.join(cache, 'work-'));
  try {
    await run('npm', ['pack', '--silent', `${packageName}@${version}`, '--pack-destination', work], {cwd: work, timeout: 300_000});
    const [archive] = (await readdir(work)).filter((name) => name.endsWith('.tgz'));
    if (archive === undefined) throw new Error(`npm pack gave no archive of ${packageName}@${version}`);
    await run('tar', ['xzf', archive], {cwd: work, timeout: 300_000});
    const tree = path.join(work, 'tree');
    await mkdir(path.join(tree, 'icons'), {recursive: true});
    const names = (await readdir(path.join(work, 'package', 'esm'))).filter((name) => name.endsWith('.js')).sort();
    const chosen = names.slice(0, fileCount);
    for (const name of chosen) await cp(path.join(work, 'package', 'esm', name), path.join(tree, 'icons', name));
    await writeFile(path.join(tree, 'index.html'), `<!-- ${version} --><h1>${packageName} ${version}</h1>\n`);
    const pages = ['index.html', ...chosen.slice(0, 60).map((name) => `icons/${name}`)];
    await writeFile(
      path.join(tree, 'sitemap.xml'),
      `<?xml version="1.0"?><urlset>${pages.map((page) => `<url><loc>http://site/${page}</loc></url>`).join('')}</urlset>\n`,
    );
    await rename(tree, target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return target;
  } finally {
    await rm(work, {recursive: true, force: true});
  }
}
