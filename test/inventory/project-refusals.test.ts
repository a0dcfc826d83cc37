// biome-ignore-all lint/suspicious/noThenProperty: the word of drover.yml; these maps are never awaited
import {describe, expect, it} from 'vitest';
import {loadProject} from '../../src/lib/inventory/project-file.js';
import {withLine} from './one-app-project.js';
import {useTempFolder} from './temp-folder.js';

const folder = useTempFolder();
const {signal} = new AbortController();
const _timings = {timeoutMs: 5000, intervalMs: 1000, rise: 2, deadlineMs: 60_000};

describe('loadProject() refuses', () => {
  it.each<[string, string[]]>([
    ['rol: {}', ['unknown key "rol" (bad.yml:6:5); did you mean "roll"?']],
    ['roll: {waves: [10, 50]}', ['waves must rise and end at 100%, got 10,50 (bad.yml:6:19); write, for example, [1, 25%, 100%]']],
    ['roll: {waves: [10%, 50%]}', ['waves must rise and end at 100%, got 10%,50% (bad.yml:6:19); write, for example, [1, 25%, 100%]']],
    [
      'roll: {waves: [50%, 25%, 100%]}',
      ['waves must rise and end at 100%, got 50%,25%,100% (bad.yml:6:19); write, for example, [1, 25%, 100%]'],
    ],
    [
      'roll: {waves: [25%, 3, 100%]}',
      ['waves must rise and end at 100%, got 25%,3,100% (bad.yml:6:19); write, for example, [1, 25%, 100%]'],
    ],
    ['roll: {waves: [0, 100%]}', ['waves must rise and end at 100%, got 0,100% (bad.yml:6:19); write, for example, [1, 25%, 100%]']],
    ['roll: {waves: [0%, 100%]}', ['waves must rise and end at 100%, got 0%,100% (bad.yml:6:19); write, for example, [1, 25%, 100%]']],
    ['roll: {waves: [100%, 100%]}', ['waves must rise and end at 100%, got 100%,100% (bad.yml:6:19); write, for example, [1, 25%, 100%]']],
    ['roll: {waves: []}', ['waves must rise and end at 100%, got none (bad.yml:6:19); write, for example, [1, 25%, 100%]']],
    ['roll: {waves: [1, 101%]}', ['waves must be a count of hosts or 0%..100%, got "101%" (bad.yml:6:23)']],
    ['roll: {waves: 100%}', ['waves must be a list, got "100%" (bad.yml:6:19)']],
    ['roll: {keep: 1}', ['keep must be at least 2, so that a rollback target remains, got 1 (bad.yml:6:18)']],
    ['roll: {keep: 0}', ['keep must be at least 2, so that a rollback target remains, got 0 (bad.yml:6:18)']],
    ['roll: {keep: five}', ['keep must be 2..1000, got "five" (bad.yml:6:18)']],
    ['roll: {keep: 1001}', ['keep must be 2..1000, got 1001 (bad.yml:6:18)']],
    ['roll: {by: host}', ['by must be "silo", got "host" (bad.yml:6:16)']],
    [
      'roll: {soak: 5, confirm: 5 parsecs, budget: -1, floor: 110%, canary: 1}',
      [
        'soak needs a unit, for example 5s or 2m, got "5" (bad.yml:6:18)',
        'confirm needs a unit, for example 5s or 2m, got "5 parsecs" (bad.yml:6:30)',
        'budget must be 0..10000, got -1 (bad.yml:6:49)',
        'floor must be a count of hosts or 0%..100%, got "110%" (bad.yml:6:60)',
        'unknown key "canary" (bad.yml:6:66); known here: by, waves, order, floor, budget, soak, confirm, keep',
      ],
    ],
    ['roll:', ['roll must be a map, got nothing (bad.yml:6:10)']],
    [
      'drain: {haproxy: {socket: admin.sock}}',
      [
        'missing key "backend" in "haproxy" (bad.yml:6:13); add "backend"',
        'socket "admin.sock" is not a valid path (bad.yml:6:31); an absolute path on the balancer',
      ],
    ],
    ['drain: {haproxi: {}, wait: 5s}', ['unknown key "haproxi" (bad.yml:6:13); did you mean "haproxy"?']],
    ['drain: {file: ready, then: closed}', ['then must be "wait", "close" or "abort", got "closed" (bad.yml:6:32); did you mean "close"?']],
    ['drain: {haproxy: {socket: /s, backend: []}}', ['backend must name at least one (bad.yml:6:44); write, for example, [web, api]']],
    [
      'drain: {haproxy: {socket: /s, backend: web, ramp: [50%, 25%, 100%]}}',
      ['ramp must rise from above 0% and end at 100%, got 50%,25%,100% (bad.yml:6:55); write, for example, [25%, 50%, 100%]'],
    ],
    ['drain: {haproxy: {socket: /s, backend: web, ramp: [25, 100%]}}', ['ramp must be 1%..100%, got "25" (bad.yml:6:56)']],
    [
      'drain: {haproxy: {socket: /s, backend: web, ramp_wait: 5s}}',
      ['ramp_wait has no meaning without ramp (bad.yml:6:60); remove it, or add, for example, ramp: [25%, 50%, 100%]'],
    ],
    [
      'drain: {haproxy: {socket: /s, master: /s, backend: web}}',
      ['master is the same path as socket (bad.yml:6:43); name the socket that haproxy -S opens, or remove it'],
    ],
    [
      'drain: {haproxy: {socket: /s, backend: web}, then: abort, close_over: 1m}',
      ['close_over has no meaning with "then: abort" (bad.yml:6:75); remove it, or write "then: close"'],
    ],
    ['drain: {file: ready, longest: 1m}', ['longest has no meaning with "then: close" (bad.yml:6:35); remove it, or write "then: wait"']],
    ['drain: {file: ready, wait: 5m, then: wait, longest: 1m}', ['longest is 1m, shorter than wait, 5m (bad.yml:6:57); raise longest']],
    ['drain: {file: ready, close_over: 1m}', ['unknown key "close_over" (bad.yml:6:26); known here: file, wait, then, longest']],
    [
      'drain: {nginx: {upstream: web, file: upstreams/web.conf}}',
      ['file "upstreams/web.conf" is not a valid path (bad.yml:6:42); an absolute path on the balancer'],
    ],
    [
      'drain: {nginx: {upstream: web, file: /f, servers: {web1: "10.0.0.1:80 down"}}}',
      ['server "10.0.0.1:80 down" is not a valid name (bad.yml:6:62); address:port as it stands in the file'],
    ],
    [
      'drain: {varnish: {backends: {web1: boot.web1}, admin: "a\\nb"}}',
      [
        'backend "boot.web1" is not a valid name (bad.yml:6:40); a letter, then letters, digits, _ and -',
        'admin must be one line with a command, got "a\\nb" (bad.yml:6:59); put several commands into a script on the balancer',
      ],
    ],
    ['drain: {file: ../ready}', ['file "../ready" is not a valid path (bad.yml:6:19); an absolute path, or one below the root of the app']],
    ['drain: {exec: {drain: out}}', ['missing key "admit" in "exec" (bad.yml:6:13); add "admit"']],
    [
      'push: {rate: {host: 20, silo: 5 MB, hosts: 1M}}',
      [
        'rate.host must be bytes per second, at least 1K, for example 20M or 1GB/s, got "20" (bad.yml:6:25)',
        'rate.silo must be bytes per second, at least 1K, for example 20M or 1GB/s, got "5 MB" (bad.yml:6:35)',
        'unknown key "hosts" (bad.yml:6:41); did you mean "host"?',
      ],
    ],
    ['warm: {from: sitemaps}', ['from must be "sitemap" or a map, got "sitemaps" (bad.yml:6:18); did you mean "sitemap"?']],
    ['warm: {from: {sitemap: map.xml}}', ['sitemap "map.xml" is not a valid path of a URL (bad.yml:6:28); begin with /']],
    [
      'warm: {rate: 20, until: hot, mode: clon, concurrency: 0}',
      [
        'rate must be a rate up to 10000/s, for example 20/s or 600/m, got "20" (bad.yml:6:18)',
        'until must be a goal like hit >= 98% or converged 95%, got "hot" (bad.yml:6:29)',
        'mode must be "clone" or "spread", got "clon" (bad.yml:6:40); did you mean "clone"?',
        'concurrency must be 1..1000, got 0 (bad.yml:6:59)',
      ],
    ],
    [
      'warm: {headers: {"a b": x, y: "1\\r\\n2"}}',
      [
        'header "a b" is not a valid header name (bad.yml:6:22); letters, digits and hyphen',
        'header "1\\r\\n2" is not a valid header value (bad.yml:6:35); printable ASCII on one line',
      ],
    ],
    ['health: {http: /}', ['health must be a list, got a map (bad.yml:6:13)']],
    [
      'health: [{htp: /}, {http: healthz}, {tcp: 0}, {disk: much}, {run: ""}, 3]',
      [
        'unknown key "htp" (bad.yml:6:15); did you mean "http"?',
        'http "healthz" is not a valid path of a URL (bad.yml:6:31); begin with /',
        'tcp must be 1..65535, got 0 (bad.yml:6:47)',
        'disk must be a size, for example 20M or 1GiB, got "much" (bad.yml:6:58)',
        'run must not be empty or hold control characters, got "" (bad.yml:6:71)',
        'health must be a map, got 3 (bad.yml:6:76)',
      ],
    ],
    ['health: [{http: /, timeout: 9s, deadline: 5s}]', ['deadline 5s is shorter than timeout 9s (bad.yml:6:47); raise the deadline']],
    [
      'health: [{tcp: 1, rise: 9, interval: 10s}]',
      ['deadline 1m is shorter than 9 tries with interval 10s (bad.yml:6:14); raise the deadline'],
    ],
    ['partitions: {by: hash, copies: 0}', ['copies must be 1..1000, got 0 (bad.yml:6:36)']],
    ['partitions: {by: hush}', ['by must be "hash", got "hush" (bad.yml:6:22); did you mean "hash"?']],
    [
      'partitions: {by: path, rules: [{paths: [/de], hosts: all}]}',
      ['path pattern "/de" begins with a slash (bad.yml:6:45); write it from the root of the tree, without the slash'],
    ],
    [
      'partitions: {by: path, rules: [{paths: [a], hosts: "role:"}]}',
      ['hosts "role:" does not name a role (bad.yml:6:56); write, for example, role:web'],
    ],
    [
      'partitions: {by: path, rules: [{paths: [a], hosts: all}, {paths: [a], hosts: none}]}',
      ['rule 2 is for the same paths as rule 1 (bad.yml:6:62); remove one'],
    ],
    ['link: {/etc: a}', ['link "/etc" is not a valid path (bad.yml:6:12); a relative path without . or ..']],
    ['link: {a: ../b}', ['link target "../b" is not a valid path (bad.yml:6:15); a relative path without . or ..']],
    ['link: {a: b, a/c: d}', ['link "a/c" is inside link "a" (bad.yml:6:23); remove one']],
    ['roll: {order: [web, web]}', ['order names role "web" twice (bad.yml:6:19); name each role once']],
    [
      'endings: {web: {wait: 10s}}',
      ['endings need a drain, and this app has none (bad.yml:6:5); say how hosts leave rotation: drain: {haproxy: …}, or take endings out'],
    ],
    [
      'endings: {worker: {pause: a, resume: b}}',
      ['a worker that is paused needs until (bad.yml:6:15); pause, until and resume go together'],
    ],
    ['endings: {worker: {untill: a, pause: b, resume: c}}', ['unknown key "untill" (bad.yml:6:24); did you mean "until"?']],
    [
      'endings: {worker: {pause: a, until: b, resume: c, then: close}}',
      ['"then: close" has no meaning for workers (bad.yml:6:61); write go, to go on with work in flight'],
    ],
    [
      'endings: {worker: {pause: a, until: b, resume: c, then: wait, wait: 2h}}',
      ['longest is 1h, shorter than wait, 2h (bad.yml:6:73); raise longest'],
    ],
    [
      'endings: {worker: {pause: a, until: b, resume: c, longest: 2h}}',
      ['longest has no meaning with "then: abort" (bad.yml:6:64); remove it, or write "then: wait"'],
    ],
    [
      'endings: {web: {then: go, longest: 1m}}',
      [
        '"then: go" is for workers (bad.yml:6:27); say how they pause: pause, until and resume, or nsq',
        'longest is for workers (bad.yml:6:40); say how they pause, or write drain.longest',
      ],
    ],
    [
      'endings: {worker: {until: a, nsq: {topic: t, channel: c, nsqd: "http://a:4151"}}}',
      ['until stands beside nsq (bad.yml:6:31); remove one: drover pauses the channel itself'],
    ],
    [
      'endings: {worker: {nsq: {topic: t, channel: c}}}',
      ['nsq names neither nsqd nor lookupd (bad.yml:6:29); name one, for example lookupd: http://127.0.0.1:4161'],
    ],
    [
      'endings: {worker: {nsq: {topic: "a b", channel: c, nsqd: [], lookupd: "https://a:1"}}}',
      [
        'topic "a b" is not a valid topic (bad.yml:6:37); letters, digits, and . _ -, at most 54',
        'nsqd is empty (bad.yml:6:62); name at least one',
        'nsqlookupd "https://a:1" is not a valid address (bad.yml:6:75); http://host:port, for example http://127.0.0.1:4161',
      ],
    ],
    ['once: bin/migrate', ['once must be a map, got "bin/migrate" (bad.yml:6:11)']],
    ['once: {befor: x}', ['unknown key "befor" (bad.yml:6:12); did you mean "before"?']],
    ['restart: 3', ['restart must be text, got 3 (bad.yml:6:14); quote it: "3"']],
    ['ignore: "*.map"', ['ignore must be a list, got "*.map" (bad.yml:6:13)']],
  ])('%s', async (line, lines) => {
    const file = await folder.write('bad.yml', withLine(line));
    expect(await folder.linesOf(loadProject(file, {signal}))).toEqual(lines.map((text) => `error[invalid-file]: ${text}`));
  });

  it.each<[string, string[]]>([
    ['', ['project file top.yml is empty; it needs at least one app']],
    ['apps: {}\n', ['apps is empty (top.yml:1:7); name at least one app']],
    ['inventory: x\n', ['missing key "apps" (top.yml:1:1); add "apps"']],
    ['app: {}\n', ['unknown key "app" (top.yml:1:1); did you mean "apps"?']],
    ['apps:\n  code:\n', ['code must be a map, got nothing (top.yml:2:8)']],
    [
      'apps:\n  code: {root: /, hosts: "role:", source: }\n',
      [
        'root "/" is not a valid path (top.yml:2:16); an absolute path or ~/… on the host, without . or ..',
        'hosts "role:" does not name a role (top.yml:2:26); write, for example, role:web',
        'source must be text or a map, got nothing (top.yml:2:43)',
      ],
    ],
    ['apps:\n  code: {source: ., hosts: all}\n', ['missing key "root" in "code" (top.yml:2:3); add "root"']],
    ['apps:\n  a b: {}\n', ['app "a b" is not a valid name (top.yml:2:3); letters, digits, hyphen and underscore, at most 63']],
    [
      'apps: {a: {source: ., root: /a, hosts: all}}\nevents: [{nsq: "ftp://x", topic: a b}, {webhook: "https://u:p@x/"}, {webhook: "https://"}]\nstore: gs://releases/shop\n',
      [
        'nsq "ftp://x" is not a valid URL (top.yml:2:16); http://… or https://…, without user, password or fragment',
        'topic "a b" is not a valid topic (top.yml:2:34); letters, digits, and . _ -, at most 54',
        'webhook "https://u:p@x/" is not a valid URL (top.yml:2:50); http://… or https://…, without user, password or fragment',
        'webhook "https://" is not a valid URL (top.yml:2:79); http://… or https://…, without user, password or fragment',
        'store "gs://releases/shop" is not supported (top.yml:3:8); use a directory, or s3://bucket/prefix',
      ],
    ],
  ])('%j', async (text, lines) => {
    const file = await folder.write('top.yml', text);
    expect(await folder.linesOf(loadProject(file, {signal}))).toEqual(lines.map((line) => `error[invalid-file]: ${line}`));
  });

  it('a project that is not there', async () => {
    expect(await folder.linesOf(loadProject(folder.at('absent.yml'), {signal}))).toEqual([
      'error[not-found]: project file absent.yml not found; create it with: drover init',
    ]);
  });
});
