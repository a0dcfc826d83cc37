import {spawnSync} from 'node:child_process';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {findFrame, renderHeader} from '../../src/lib/host/verb-call.js';
import {type VerbName, verbCommand, verbProgram} from '../../src/lib/host/verb-program.js';
import {Site} from './verb-site.js';

const verbs: readonly VerbName[] = [
  'command',
  'confirm',
  'gc',
  'hook',
  'lease',
  'note',
  'read-plan',
  'read-state',
  'release',
  'renew',
  'revert',
  'stage-commit',
  'stage-open',
  'stage-put',
  'switch',
  'verify',
];
const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

describe.each(
  ['sh', 'dash', 'bash', 'zsh', 'ksh', 'mksh', 'fish', 'tcsh', 'csh', 'busybox ash'].filter((name) => has(name.split(' ')[0] ?? '')),
)('the login shell %s', (shell) => {
  let site: Site;
  beforeAll(async () => {
    site = await Site.make();
  });
  afterAll(() => site.remove());

  it.each(verbs)('V1: hands %s over untouched', (verb) => {
    const [file = '', ...words] = shell.split(' ');
    const header = renderHeader('ab', {root: site.root, reason: 'it\'s "$(x)" `y` !z \\n'});
    const {stdout} = spawnSync(file, [...words, '-c', verbCommand(verb)], {input: header});
    expect(findFrame(stdout, 'ab')).toMatchObject({status: expect.any(Number) as number});
    if (verb === 'read-state')
      expect(findFrame(stdout, 'ab')).toMatchObject({status: 0, body: expect.stringContaining('fresh yes') as string});
  });
});

describe('a verb as a host gets it', () => {
  it.each(verbs)('%s fits into one argument of the kernel and has no comments of ours', (verb) => {
    expect(Buffer.byteLength(verbCommand(verb))).toBeLessThan(64 * 1024);
    expect(
      verbProgram(verb)
        .split('\n')
        .filter((line) => /^\s*# (?!shellcheck)/.test(line)),
    ).toEqual([]);
  });

  it.each(['dash', 'bash'].filter(has))('parses in %s', (shell) => {
    for (const verb of verbs)
      expect(spawnSync(shell, ['-n'], {input: verbProgram(verb), encoding: 'utf8'})).toMatchObject({status: 0, stderr: ''});
  });
});
