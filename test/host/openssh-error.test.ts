import {describe, expect, it} from 'vitest';
import {DroppedLogin} from '../../src/lib/host/dropped-login.js';
import {readSshError} from '../../src/lib/host/openssh-error.js';
import {makeHost} from './some-host.js';

const closed = 'kex_exchange_identification: Connection closed by remote host\r\nConnection closed by UNKNOWN port 65535\r\n';

describe('the words of a failed ssh', () => {
  it.each([
    'ssh: Could not resolve hostname bastion: Name or service not known',
    'ssh: connect to host 10.0.0.1 port 22: Connection refused',
    'ssh: connect to host 10.0.0.1 port 22: No route to host',
    'channel 0: open failed: connect failed: Connection timed out\r\nstdio forwarding failed',
    'nc: connect to 10.0.0.1 port 22 (tcp) failed: Connection refused',
  ])('B19: a way that ends early is told by its first line, and is no dropped login: %s', (words) => {
    const error = readSshError(makeHost(), `${words}\r\n${closed}`);
    expect(error).not.toBeInstanceOf(DroppedLogin);
    expect([error.code, error.message]).toEqual(['unreachable', `web1: ${words.split('\r\n')[0]}`]);
  });

  it('B19: a jump host that drops a login is a dropped login', () => {
    const dropped = 'kex_exchange_identification: Connection closed by remote host\r\nConnection closed by 10.0.0.1 port 22\r\n';
    const byJumpHost = readSshError(makeHost(), `${dropped}${closed}`);
    expect(byJumpHost).toBeInstanceOf(DroppedLogin);
    expect(byJumpHost.message).toBe('web1: 10.0.0.1 port 22 closed the connection before the login');
    const behindIt = readSshError(makeHost(), closed);
    expect(behindIt).toBeInstanceOf(DroppedLogin);
    expect(behindIt.message).toBe('web1: the ProxyCommand or jump host before it closed the connection before the login');
    expect(behindIt.problems[0]?.fix).toMatch(/^see where it ends: ssh -v web1; or sshd there has too many logins/);
  });
});
