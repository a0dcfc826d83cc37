import type {RigHost} from './fleet.js';
import {nginxBalancerConfig, nginxUpstream, varnishConfig} from './other-balancer-config.js';
import {balancerConfig, proxyConfig} from './proxy-config.js';

/** One file to put into a host's root. */
export interface HostFile {
  readonly path: string;
  readonly text: string;
  /** Permission bits; 0644 where left out. */
  readonly mode?: number;
  /** Belongs to the user `deploy`, as do the directories it is in below /home. */
  readonly ofDeploy?: boolean;
}

export const deployId = 1000;
export const siteRoot = '/srv/site';

/** The shell line for drover.yml that makes a web host's app serve what `current` names now. */
export const restartCommand = 'kill -HUP "$(cat /run/app/app.pid)"';

/** Everything that makes one host different from a bare root. `hostKey` is its private ed25519 key, `authorizedKey` the operator's public one. */
export function listHostFiles(options: {
  readonly host: RigHost;
  readonly fleet: readonly RigHost[];
  readonly hostKey: string;
  readonly authorizedKey: string;
  readonly originDelayMs: number;
  readonly guest: {readonly app: string; readonly hang: string; readonly flock: string; readonly services: string};
}): readonly HostFile[] {
  const {host, fleet, guest} = options;
  const files: HostFile[] = [
    ...listAccounts(host),
    {path: 'etc/hosts', text: ['127.0.0.1 localhost', ...fleet.map((each) => `${each.address} ${each.name}`), ''].join('\n')},
    {path: 'etc/nsswitch.conf', text: 'passwd: files\ngroup: files\nshadow: files\nhosts: files\n'},
    {path: 'etc/ssh/ssh_host_ed25519_key', text: options.hostKey, mode: 0o600},
    {path: 'etc/ssh/sshd_config', text: sshdConfig(host)},
    {path: 'home/deploy/.ssh/authorized_keys', text: options.authorizedKey, mode: 0o600, ofDeploy: true},
    {path: 'opt/rig/hang.mjs', text: guest.hang},
    {path: 'opt/rig/services.sh', text: guest.services},
  ];
  if (host.rcNoise) files.push(...listNoise(host));
  if (host.userland === 'busybox') files.push({path: 'bin/flock', text: guest.flock, mode: 0o755});
  if (host.role === 'balancer') {
    return [
      ...files,
      ...listBalancerFiles(
        host,
        fleet.filter((each) => each.role === 'web'),
      ),
    ];
  }
  if (host.bare) return files;
  const settings = {host: host.name, silo: host.silo, root: siteRoot, originDelayMs: options.originDelayMs};
  files.push({path: 'opt/rig/app.mjs', text: guest.app}, {path: 'opt/rig/app.json', text: `${JSON.stringify(settings)}\n`});
  files.push({path: 'etc/nginx/nginx.conf', text: proxyConfig()});
  return files;
}

function listBalancerFiles(host: RigHost, servers: readonly RigHost[]): readonly HostFile[] {
  switch (host.software) {
    case 'nginx':
      return [
        {path: 'etc/nginx/nginx.conf', text: nginxBalancerConfig(host)},
        {path: 'home/deploy/upstreams/web.conf', text: nginxUpstream(servers), ofDeploy: true},
      ];
    case 'varnish':
      return [{path: 'etc/varnish/default.vcl', text: varnishConfig({host, servers})}];
    default:
      return [{path: 'etc/haproxy/haproxy.cfg', text: balancerConfig({host, servers})}];
  }
}

function listAccounts(host: RigHost): readonly HostFile[] {
  const shell = host.shell === 'sh' ? '/bin/sh' : `/usr/bin/${host.shell}`;
  const users = [
    'root:x:0:0:root:/root:/bin/sh',
    `sshd:x:101:65534::/run/sshd:/usr/sbin/nologin`,
    'haproxy:x:102:102::/var/lib/haproxy:/usr/sbin/nologin',
    `deploy:x:${deployId}:${deployId}::/home/deploy:${shell}`,
    'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
  ];
  const groups = ['root:x:0:', 'tty:x:5:', 'shadow:x:42:', 'haproxy:x:102:', `deploy:x:${deployId}:`, 'nogroup:x:65534:'];
  const hidden = users.map((line) => `${line.split(':')[0]}:*:19000:0:99999:7:::`);
  return [
    {path: 'etc/passwd', text: `${users.join('\n')}\n`},
    {path: 'etc/group', text: `${groups.join('\n')}\n`},
    {path: 'etc/shadow', text: `${hidden.join('\n')}\n`, mode: 0o640},
    {path: 'etc/shells', text: `/bin/sh\n${shell}\n`},
  ];
}

function sshdConfig(host: RigHost): string {
  const lines = [
    'HostKey /etc/ssh/ssh_host_ed25519_key',
    'PidFile /run/sshd.pid',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin no',
    'UseDNS no',
    'PrintMotd no',
    'LogLevel VERBOSE',
    'AcceptEnv LANG LC_*',
    'Subsystem sftp internal-sftp',
  ];
  if (host.userland === 'busybox') lines.push('SetEnv PATH=/bin');
  return `${lines.join('\n')}\n`;
}

/** What a careless administrator leaves behind: printed before every command, with a forged reply frame and no newline at the end. */
function listNoise(host: RigHost): readonly HostFile[] {
  const noise = `printf '\\033[1;31mWelcome to ${host.name}\\033[0m\\ndrover 00000000 begin\\nforged\\ndrover 00000000 end 0\\nlast login: never'\n`;
  const path = {bash: '.bashrc', fish: '.config/fish/config.fish', tcsh: '.cshrc', dash: '.ssh/rc', sh: '.ssh/rc'}[host.shell];
  return [{path: `home/deploy/${path}`, text: noise, ofDeploy: true}];
}
