import {describe, expect, it} from 'vitest';
import {markServers, readUpstream} from '../../src/lib/traffic/nginx-upstream.js';

const fragment = `# The shop. server 10.0.0.9:80; is gone
server 10.0.0.1:80 weight=5 max_fails=3; # the fast one; server x;
	server web2.example.com:8080
		fail_timeout=5s	down ;
server "10.0.0.3:80" backup;server unix:/run/app.sock down;
keepalive 16;
server [2001:db8::1]:80 route=\${name};
`;

const whole = `upstream other { server 10.0.0.1:80; }
http {
  upstream shop { zone shop 64k; server 10.0.0.1:80; server 10.0.0.2:80 down; }
  server { listen 80; server_name shop; location / { proxy_pass http://shop; } }
}
`;

const mark = (text: string, upstream: string, address: string, isDown: boolean): string =>
  markServers(text, readUpstream(text, upstream)?.filter((server) => server.address === address) ?? [], isDown);

describe('readUpstream()', () => {
  it('reads the lines of a file that is included in an upstream, and no comment', () => {
    expect(readUpstream(fragment, 'shop')?.map(({address, isDown, isBackup}) => [address, isDown, isBackup])).toEqual([
      ['10.0.0.1:80', false, false],
      ['web2.example.com:8080', true, false],
      ['10.0.0.3:80', false, true],
      ['unix:/run/app.sock', true, false],
      ['[2001:db8::1]:80', false, false],
    ]);
  });

  it('reads only the named upstream of a file that has blocks, and takes no server of http for one', () => {
    expect(readUpstream(whole, 'shop')?.map(({address, isDown}) => [address, isDown])).toEqual([
      ['10.0.0.1:80', false],
      ['10.0.0.2:80', true],
    ]);
    expect(readUpstream(whole, 'absent')).toEqual([]);
  });

  it.each(['server 10.0.0.1:80', 'upstream shop { server a;', 'server "a;', '} server a;', 'a }'])('is undefined for %j', (text) => {
    expect(readUpstream(text, 'shop')).toBeUndefined();
  });
});

describe('markServers()', () => {
  it('changes one word of one line and not a byte more', () => {
    expect(mark(fragment, 'shop', '10.0.0.1:80', true)).toBe(fragment.replace('max_fails=3;', 'max_fails=3 down;'));
    expect(mark(fragment, 'shop', 'web2.example.com:8080', false)).toBe(fragment.replace('fail_timeout=5s\tdown ;', 'fail_timeout=5s ;'));
    expect(mark(fragment, 'shop', '10.0.0.3:80', true)).toBe(fragment.replace('backup;', 'backup down;'));
    expect(mark(whole, 'shop', '10.0.0.1:80', true)).toBe(whole.replace('64k; server 10.0.0.1:80;', '64k; server 10.0.0.1:80 down;'));
  });

  it('leaves what is as it should be, and takes back what it did', () => {
    expect(mark(fragment, 'shop', '10.0.0.1:80', false)).toBe(fragment);
    for (const address of ['10.0.0.1:80', '10.0.0.3:80', '[2001:db8::1]:80']) {
      expect(mark(mark(fragment, 'shop', address, true), 'shop', address, false)).toBe(fragment);
    }
  });

  it('marks several lines at once', () => {
    const servers = readUpstream(fragment, 'shop') ?? [];
    expect(readUpstream(markServers(fragment, servers, true), 'shop')?.every(({isDown}) => isDown)).toBe(true);
    expect(readUpstream(markServers(fragment, servers, false), 'shop')?.some(({isDown}) => isDown)).toBe(false);
  });
});
