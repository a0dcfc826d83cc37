import {execFileSync} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {type VerbName, verbCommand, verbProgram} from '../../src/lib/host/verb-program.js';

const longest: readonly VerbName[] = ['stage-commit', 'stage-open', 'switch', 'verify', 'read-state'];

describe('the command of a verb', () => {
  it.each(longest)('%s fits in an exec request of Dropbear', (name) => {
    expect(verbCommand(name).length).toBeLessThan(9000);
  });

  it.each(longest)('%s unpacks to the program', (name) => {
    const [, unpack] = /\$\((.*)\)"'$/.exec(verbCommand(name)) ?? [];
    expect(execFileSync('/bin/sh', ['-c', unpack ?? 'false'], {encoding: 'utf8', maxBuffer: 1e6})).toBe(verbProgram(name));
  });

  it.each(longest)('%s carries the functions that it names, and no others', (name) => {
    const program = verbProgram(name);
    const defined = [...program.matchAll(/^([a-z_]+)\(\) \{$/gm)].map(([, found = '']) => found);
    expect(defined.length).toBeGreaterThan(3);
    expect(defined.filter((found) => [...program.matchAll(new RegExp(`\\b${found}\\b`, 'g'))].length < 2)).toEqual([]);
    const sources = readdirSync(new URL('../../src/lib/host/verbs/', import.meta.url)).filter((file) => file.endsWith('.sh'));
    const known = sources.flatMap((file) => [
      ...readFileSync(new URL(`../../src/lib/host/verbs/${file}`, import.meta.url), 'utf8').matchAll(/^([a-z_]+)\(\) \{$/gm),
    ]);
    const called = known
      .map(([, found = '']) => found)
      .filter((found) => new RegExp(`(^|[;&|!(] *|then |do )${found}( |$)`, 'm').test(program));
    expect(called.filter((found) => !defined.includes(found))).toEqual([]);
  });

  it.each(longest)('T42: %s asks for no other user: what needs one is a command of drover.yml, by its own sudo', (name) => {
    expect(verbCommand(name)).not.toMatch(/\b(sudo|doas|su|pkexec|runuser|setpriv)\b/);
    expect(verbProgram(name)).not.toMatch(/^[^#]*\b(sudo|doas|su|pkexec|runuser|setpriv)\b/m);
  });
});
