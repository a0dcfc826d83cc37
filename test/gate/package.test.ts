import {execFileSync, spawnSync} from 'node:child_process';
import {cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import {Config} from '@oclif/core';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
let folder: string;
/** What `npm pack` packs, unpacked where no node_modules is in reach. */
let shipped: string;
let project: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'drover-package-'));
  project = path.join(folder, 'project');
  mkdirSync(project);
  writeFileSync(path.join(project, 'inventory.yml'), 'hosts:\n  web[1-3]: {silo: one, role: web}\n');
  writeFileSync(
    path.join(project, 'drover.yml'),
    'inventory: inventory.yml\nstore: store\napps:\n  a: {source: ., root: /srv/a, hosts: role:web}\n',
  );
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {cwd: root});
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  execFileSync('tar', ['xzf', archive], {cwd: folder});
  shipped = path.join(folder, 'package');
});

afterAll(() => rmSync(folder, {recursive: true, force: true}));

function run(program: string, ...words: readonly string[]): {status: number | null; stdout: string; stderr: string} {
  const env = {PATH: process.env.PATH, HOME: folder};
  return spawnSync(process.execPath, [path.join(program), ...words], {cwd: project, env, encoding: 'utf8'});
}

describe('what is shipped', () => {
  const runShipped = (...words: readonly string[]): ReturnType<typeof run> => run(path.join(shipped, 'bin', 'run.js'), ...words);

  it('runs without any other package', () => {
    expect(runShipped('hosts', '--fold')).toEqual({...anyRun, status: 0, stdout: 'web[1-3]\n', stderr: ''});
    expect(runShipped('help', 'push').stdout).toMatch(/^Stage a snapshot on hosts, beside what is served\n/);
    expect(runShipped('hots')).toMatchObject({status: 2, stderr: expect.stringContaining('did you mean "hosts"?')});
  });

  it('has no module that fails to load by itself', () => {
    const modules = readdirSync(path.join(shipped, 'dist'), {recursive: true, encoding: 'utf8'}).filter((file) => file.endsWith('.js'));
    const addresses = modules.map((file) => pathToFileURL(path.join(shipped, 'dist', file)).href);
    const program = `for (const each of ${JSON.stringify(addresses)}) await import(each).catch((error) => console.log(each, error.message))`;
    const {stdout} = spawnSync(process.execPath, ['--input-type=module', '-e', program], {encoding: 'utf8', cwd: project});
    expect(modules.length).toBeGreaterThan(50);
    expect(stdout).toBe('');
  });

  it('takes of a package that is loaded late its default alone: a bundle gives no more of CommonJS', () => {
    const sources = readdirSync(path.join(root, 'src'), {recursive: true, encoding: 'utf8'}).filter((file) => file.endsWith('.ts'));
    const text = sources.map((file) => readFileSync(path.join(root, 'src', file), 'utf8')).join('');
    const late = [...text.matchAll(/^.*await import\('[^.'][^']*'\).*$/gm)].map(([line]) => line);
    expect(late.length).toBeGreaterThan(2);
    expect(late.filter((line) => !/const \{default: \w+\} = await import/.test(line))).toEqual([]);
  });

  it('says its version as oclif would', async () => {
    const config = await Config.load({root});
    expect(runShipped('--version').stdout).toBe(`${config.userAgent}\n`);
  });

  it('holds the programs of the hosts, the schemas and the licences of what is inside, and no sources', () => {
    const files = readdirSync(shipped, {recursive: true, encoding: 'utf8'}).sort();
    const verbs = readdirSync(path.join(root, 'src/lib/host/verbs')).map((name) => `dist/lib/host/verbs/${name}`);
    const schemas = readdirSync(path.join(root, 'schema')).map((name) => `schema/${name}`);
    expect(files).toEqual(expect.arrayContaining([...verbs, ...schemas, 'oclif.manifest.json', 'LICENSE', 'README.md']));
    expect(files.filter((file) => /\.ts$|^(src|test|bench|scripts)\b/.test(file))).toEqual([]);
    const licenses = readFileSync(path.join(shipped, 'dist/third-party-licenses.txt'), 'utf8');
    for (const name of ['@oclif/core', 'execa', 'inquirer', 'listr2', 'node-ssh', 'ssh2', 'undici', 'yaml', 'zod']) {
      expect(licenses).toMatch(new RegExp(`^${name} [0-9.]+ \\(.+\\)$`, 'm'));
    }
  });

  it('T17 T39: installs nothing, loads no plugin, updates nothing, and asks no other machine by itself', () => {
    const {scripts = {}, oclif} = JSON.parse(readFileSync(path.join(shipped, 'package.json'), 'utf8'));
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([]);
    expect([oclif.plugins, oclif.jitPlugins, oclif.update]).toEqual([undefined, undefined, undefined]);
    const {commands} = JSON.parse(readFileSync(path.join(shipped, 'oclif.manifest.json'), 'utf8')) as {commands: Record<string, object>};
    expect(Object.keys(commands).filter((name) => /plugin|update|telemetry|upgrade|login/.test(name))).toEqual([]);
    const {packages} = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, {integrity?: string}>;
    };
    const bare = Object.entries(packages).filter(([name, {integrity}]) => name !== '' && !/^sha512-/.test(integrity ?? ''));
    expect(bare.map(([name]) => name)).toEqual([]);
    const watcher = path.join(folder, 'watcher.mjs');
    writeFileSync(
      watcher,
      "import net from 'node:net'; import dns from 'node:dns';\n" +
        "const stop = () => { process.stdout.write('asked another machine'); process.exit(99); };\n" +
        'net.Socket.prototype.connect = stop; dns.lookup = stop; dns.promises.lookup = stop;\n',
    );
    for (const words of [['hosts', '--fold'], ['help'], ['snapshot'], ['history']]) {
      const env = {PATH: process.env.PATH, HOME: folder, NODE_OPTIONS: `--import=${watcher}`};
      const program = path.join(shipped, 'bin', 'run.js');
      const {status, stdout} = spawnSync(process.execPath, [program, ...words], {cwd: project, env, encoding: 'utf8'});
      expect([words, status], stdout).toEqual([words, 0]);
    }
  });

  it('names the sources in a stack', () => {
    const module = pathToFileURL(path.join(shipped, 'dist/lib/host/verb-program.js')).href;
    const program = `process.setSourceMapsEnabled(true); const {verbProgram} = await import('${module}'); verbProgram('dance')`;
    const {stderr} = spawnSync(process.execPath, ['--input-type=module', '-e', program], {encoding: 'utf8'});
    expect(stderr).toMatch(/at verbProgram .*src\/lib\/host\/verb-program\.ts:\d+:\d+/);
  });
});

const anyRun = {pid: expect.any(Number), output: expect.any(Array), signal: null};

describe('bin/dev.js', () => {
  it('runs the sources where nothing was built', () => {
    const clone = path.join(folder, 'clone');
    for (const name of ['bin', 'src', 'package.json', 'tsconfig.json', 'oclif.manifest.json']) {
      cpSync(path.join(root, name), path.join(clone, name), {recursive: true});
    }
    symlinkSync(path.join(root, 'node_modules'), path.join(clone, 'node_modules'));
    expect(run(path.join(clone, 'bin', 'dev.js'), 'hosts', '--fold')).toMatchObject({status: 0, stdout: 'web[1-3]\n'});
    expect(run(path.join(clone, 'bin', 'dev.js'), 'hots')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('did you mean "hosts"?'),
    });
  });
});
