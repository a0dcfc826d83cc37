import {chmod, lchown, mkdir, readdir, symlink, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {deployId, siteRoot} from './host-files.js';
import type {HostMachine} from './host-machine.js';

export interface SiteOptions {
  /** Word that stands in every file: which version a body is of. */
  readonly mark: string;
  /** Pages besides index.html, `pages/1.html`…; 5 where left out. */
  readonly pages?: number;
  /** Size of each page, roughly; 1 kB where left out. */
  readonly pageBytes?: number;
  /** The release's /healthz will answer 500. */
  readonly broken?: boolean;
}

/** Writes a small site: every body begins with `<!-- mark -->`, and sitemap.xml names all pages. Returns their URL paths. */
export async function writeSite(directory: string, options: SiteOptions): Promise<readonly string[]> {
  const paths = ['/', ...Array.from({length: options.pages ?? 5}, (_, index) => `/pages/${index + 1}.html`)];
  await mkdir(path.join(directory, 'pages'), {recursive: true});
  for (const page of paths) {
    const line = `<p>${options.mark} ${page}</p>\n`;
    const body = `<!-- ${options.mark} -->\n${line.repeat(Math.ceil((options.pageBytes ?? 1000) / line.length))}`;
    await writeFile(path.join(directory, page.endsWith('/') ? `${page}index.html` : page), body);
  }
  const urls = paths.map((page) => `<url><loc>http://site.example${page}</loc></url>`);
  const sitemap = `<!-- ${options.mark} -->\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n${urls.join('\n')}\n</urlset>\n`;
  await writeFile(path.join(directory, 'sitemap.xml'), sitemap);
  if (options.broken) await writeFile(path.join(directory, 'BROKEN'), `${options.mark}\n`);
  return paths;
}

/** Puts a release on a host by hand, as a fleet has it before its first deploy with drover, and lets the app serve it. */
export async function seedRelease(options: {
  readonly machine: HostMachine;
  readonly id: string;
  readonly site: SiteOptions;
}): Promise<void> {
  const {machine, id} = options;
  const root = `/proc/${machine.pid()}/root${siteRoot}`;
  await writeSite(path.join(root, 'releases', id), options.site);
  await chmod(path.join(root, 'releases'), 0o755);
  await symlink(`releases/${id}`, path.join(root, 'current'));
  await giveToDeploy(path.join(root, 'releases'));
  await lchown(path.join(root, 'current'), deployId, deployId);
  await machine.execChecked(['/usr/bin/dash', '-c', 'kill -HUP "$(cat /run/app/app.pid)"']);
}

async function giveToDeploy(directory: string): Promise<void> {
  await lchown(directory, deployId, deployId);
  for (const entry of await readdir(directory, {recursive: true})) await lchown(path.join(directory, entry), deployId, deployId);
}
