import {execFileSync} from 'node:child_process';
import {describe, expect, it} from 'vitest';
import {type VerbName, verbCommand, verbProgram} from '../../src/lib/host/verb-program.js';

const longest: readonly VerbName[] = ['stage-commit', 'stage-open', 'switch', 'verify', 'read-state'];

describe('the command of a verb', () => {
  it.each(longest.filter((name) => name !== 'read-state'))('%s fits in an exec request of Dropbear', (name) => {
    expect(verbCommand(name).length).toBeLessThan(9000);
  });

  it.each(longest)('%s unpacks to the program', (name) => {
    const [, unpack] = /\$\((echo .*)\)"'$/.exec(verbCommand(name)) ?? [];
    expect(execFileSync('/bin/sh', ['-c', unpack ?? 'false'], {encoding: 'utf8', maxBuffer: 1e6})).toBe(verbProgram(name));
  });

  it('needs no gzip where the host is asked what it lacks', () => {
    expect(verbCommand('read-state')).not.toContain('gzip -dc');
  });
});
