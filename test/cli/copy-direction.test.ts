import {describe, expect, it} from 'vitest';
import {completeTarget, readDirection} from '../../src/lib/cli/copy-direction.js';

const refused = (source: string, target: string): string => {
  try {
    const way = readDirection(source, target);
    return `${way.kind} ${way.hosts}`;
  } catch (error) {
    return (error as Error).message;
  }
};

describe('the two ends of a copy', () => {
  it('say which way it goes, and on which hosts', () => {
    expect(readDirection('motd', ':/etc/motd')).toEqual({kind: 'to', hosts: '', source: 'motd', target: '/etc/motd'});
    expect(readDirection('-', 'role:web&silo:eu:~/x')).toEqual({kind: 'to', hosts: 'role:web&silo:eu', source: '-', target: '~/x'});
    expect(readDirection('web[1-3]:/var/log/', 'logs')).toEqual({kind: 'from', hosts: 'web[1-3]', source: '/var/log', target: 'logs'});
    expect(readDirection('./a:/b', 'web1:/c')).toMatchObject({kind: 'to', source: './a:/b'});
    expect([completeTarget('/etc/', 'motd'), completeTarget('/etc/motd', 'x')]).toEqual(['/etc/motd', '/etc/motd']);
  });

  it('are refused where it is not clear what they mean', () => {
    expect(refused('motd', '/etc/motd')).toBe('neither "motd" nor "/etc/motd" is on hosts');
    expect(refused('motd', 'web1:motd')).toMatch(/^neither /);
    expect(refused('web1:/a', 'web2:/b')).toBe('both ends are on hosts');
    expect(refused('', 'web1:/b')).toBe('the source has no name');
    expect(refused('web1:/b', '')).toBe('the folder to copy into has no name');
    expect(refused('web1:/b\n', 'x')).toBe('the path "/b\\n" contains a control character');
    for (const path of ['/', '//', '/..', '/a/.', '~/', '~/..'])
      expect(refused(`web1:${path}`, 'x')).toMatch(/names neither a file nor a folder/);
    expect(() => completeTarget('/etc/', '..')).toThrow(/names neither/);
  });
});
