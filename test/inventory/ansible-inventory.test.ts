import {describe, expect, it} from 'vitest';
import {loadInventory} from '../../src/lib/inventory/inventory-file.js';
import {useTempFolder} from './temp-folder.js';

const folder = useTempFolder();
const {signal} = new AbortController();

const ini = `# the fleet
lonely.example.com

[web]
web[01:03].eu.example.com role='web'   # old hands
db-[a:b].eu.example.com:2222 ansible_user="deploy er"

[eu:children]
web
lb

[lb]
lb1 ansible_host=10.0.0.9 ansible_user=root # the way in
2001:db8::7

[eu:vars]
silo=eu
ansible_user = deploy
http_port = 8080

[all:vars]
ansible_port=22
ansible_ssh_common_args='-o ProxyJump=bastion'
`;

const yaml = `all:
  vars: {ansible_port: 22}
  hosts:
    lonely.example.com:
  children:
    eu:
      vars: {silo: eu, ansible_user: deploy}
      children:
        web:
          hosts:
            web[01:02].eu.example.com:
            db.eu.example.com: {ansible_port: 2222, role: [db, queue]}
        lb:
          hosts: {lb1: {ansible_host: 10.0.0.9, ansible_user: root}}
`;

const list = {
  _meta: {hostvars: {lb1: {ansible_host: '10.0.0.9', nested: {a: [1]}}, web1: {ansible_user: 'root', ansible_port: '2022'}}},
  all: {children: ['ungrouped', 'eu']},
  eu: {children: ['web', 'lb'], vars: {drover_silo: 'eu', ansible_user: 'deploy'}},
  web: {hosts: ['web1', 'web2']},
  lb: ['lb1'],
  ungrouped: {hosts: ['10']},
};

const brief = async (name: string, content: string): Promise<string[]> => {
  const {hosts} = await loadInventory(await folder.write(name, content), {signal});
  return hosts.map(({name: host, silo, roles, ssh}) => {
    const {user = '-', port = '-', address = '-', link} = ssh;
    return `${host} ${silo} ${roles.join('+')} ${user} ${port} ${address}${link === 'auto' ? '' : ` ${link}`}`;
  });
};

describe('an inventory of Ansible', () => {
  it('is read as INI: ranges, ports, quotes, comments, variables of groups and of hosts', async () => {
    const expected = [
      'lonely.example.com default ungrouped - 22 -',
      'web01.eu.example.com eu web deploy 22 -',
      'web02.eu.example.com eu web deploy 22 -',
      'web03.eu.example.com eu web deploy 22 -',
      'db-a.eu.example.com eu eu+web deployer 2222 -',
      'db-b.eu.example.com eu eu+web deployer 2222 -',
      'lb1 eu eu+lb root 22 10.0.0.9',
      '2001:db8::7 eu eu+lb deploy 22 -',
    ];
    const text = ini.replace('deploy er', 'deployer');
    for (const name of ['hosts', 'hosts.ini', 'production']) expect(await brief(name, text)).toEqual(expected);
    expect(await brief('crlf', text.replaceAll('\n', '\r\n'))).toEqual(expected);
    expect(await brief('local', '[here]\nlocalhost ansible_connection=local\n')).toEqual(['localhost default here - - - local']);
  });

  it('is read as YAML, groups in groups', async () => {
    const expected = [
      'lonely.example.com default ungrouped - 22 -',
      'web01.eu.example.com eu eu+web deploy 22 -',
      'web02.eu.example.com eu eu+web deploy 22 -',
      'db.eu.example.com eu db+queue deploy 2222 -',
      'lb1 eu eu+lb root 22 10.0.0.9',
    ];
    for (const name of ['ansible.yml', 'hosts']) expect(await brief(name, yaml)).toEqual(expected);
  });

  it('is read as what --list prints, from a file and from a program', async () => {
    const expected = [
      'web1 eu eu+web root 2022 -',
      'web2 eu eu+web deploy - -',
      'lb1 eu eu+lb deploy - 10.0.0.9',
      '10 default ungrouped - - -',
    ];
    expect(await brief('list.json', JSON.stringify(list))).toEqual(expected);
    const program = await folder.write('inventory', '#!/bin/sh\n', 0o755);
    const {hosts} = await loadInventory(program, {signal, run: async () => JSON.stringify(list)});
    expect(hosts.map(({name}) => name)).toEqual(['web1', 'web2', 'lb1', '10']);
  });

  it('is not refused for what nobody reads, and takes no name for a property', async () => {
    const text = 'all:\n  vars: {mode: 0644, <<: x}\n  hosts:\n    web1:\n';
    expect(await brief('unread.yml', text)).toEqual(['web1 default ungrouped - - -']);
    const hostvars = {gone1: {}, constructor: {ansible_host: '10.0.0.1'}};
    const refused = await folder.linesOf(
      loadInventory(await folder.write('proto.json', JSON.stringify({_meta: {hostvars}, web: {hosts: ['web1', 'constructor']}})), {signal}),
    );
    expect(refused).toEqual([expect.stringContaining('key "constructor" is not allowed (proto.json:1:')]);
    expect(await brief('gone.json', JSON.stringify({_meta: {hostvars: {gone1: {}}}, web: {hosts: ['web1']}}))).toEqual([
      'web1 default web - - -',
    ]);
  });

  it('lets the group that is farthest from all have the last word, and the host after it', async () => {
    const text = `[a]\nh1\nh2 silo=own\n[b:children]\na\n[c]\nh1\n[a:vars]\nsilo=deep\n[b:vars]\nsilo=shallow\n[c:vars]\nsilo=middle\n[all:vars]\nsilo=all\n`;
    expect(await brief('order', text)).toEqual(['h1 deep b+c+a - - -', 'h2 own b+a - - -']);
  });

  it.each<[name: string, content: string, lines: string[]]>([
    [
      'XI18',
      '[eu:children]\nall-eu\n[all-eu:children]\neu\n',
      ['group "eu" includes itself through "all-eu" (XI18:4:1); remove it from one of them'],
    ],
    ['XI18 unknown', '[eu:children]\nweb\n[lb]\nlb1\n', ['group "web" is not defined (XI18 unknown:2:1); add [web], or correct the name']],
    [
      'name',
      '[web]\n-oProxyCommand=x\n',
      ['host "-oProxyCommand=x" is not a valid name (name:2:1); letters, digits, dot, hyphen, or an IP address'],
    ],
    [
      'user',
      '[web]\nweb1 ansible_user=root;id\n',
      ['user "root;id" is not a valid user name (user:2:6); letters, digits, dot, hyphen and underscore'],
    ],
    ['port', '[web]\nweb1 ansible_port=0\n', ['port must be 1..65535, got 0 (port:2:6)']],
    ['quote', '[web]\nweb1 role="x\n', ['"web1 role=\\"x" has a quote that is not closed (quote:2:1); close it']],
    ['word', '[web]\nweb1 web2\n', ['"web2" is no variable (word:2:6); write NAME=VALUE']],
    [
      'range',
      '[web]\nweb[3:1]\n',
      ['host "web[3:1]" has "[3:1]" where a range belongs (range:2:1); write, for example, "web[01:12]", at most 10,000 hosts'],
    ],
    [
      'template',
      '[web]\nweb1 ansible_host={{ip}}\n',
      ['{{ip}} is a template, which only Ansible fills in (template:2:6); write the value out'],
    ],
    ['winrm', '[web]\nweb1 ansible_connection=winrm\n', ['not reached by ssh, but by "winrm" (winrm:2:6); leave it out']],
    ['none', '[web]\n', ['inventory none is empty (none:1:1); it needs at least one host']],
    ['key.yml', 'all:\n  hosts: {web1: {ansible_port: 99999}}\n', ['port must be 1..65535, got 99999 (key.yml:2:32)']],
  ])('is refused with place and fix: %s', async (name, content, lines) => {
    expect(await folder.linesOf(loadInventory(await folder.write(name, content), {signal}))).toEqual(
      lines.map((line) => `error[invalid-file]: ${line}`),
    );
  });

  it('leaves our own files and their errors alone', async () => {
    const refused = await folder.linesOf(loadInventory(await folder.write('ours.yml', 'host:\n  web1: {silo: eu}\n'), {signal}));
    expect(refused).toEqual(['error[invalid-file]: unknown key "host" (ours.yml:1:1); did you mean "hosts"?']);
  });
});
