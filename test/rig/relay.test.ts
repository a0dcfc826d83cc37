import {randomBytes} from 'node:crypto';
import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {rigAvailable} from './available.js';
import {type Rig, startRig} from './rig.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const contentBytes = 8_000_000;
const web = ['web1', 'web2', 'web3', 'web4', 'web5', 'web6'];

interface PushJson {
  readonly outcome: string;
  readonly snapshot: string;
  readonly sentBytes: number;
  readonly relayedBytes: number;
  readonly relays: readonly {readonly host: string; readonly silo: string}[];
  readonly hosts: readonly {readonly host: string; readonly outcome: string; readonly relay: string | null}[];
  readonly warnings: readonly {readonly message: string}[];
}

const available = rigAvailable();

describe.skipIf(!available.ok)('push via relay on real hosts', () => {
  let rig: Rig;
  let project: string;

  beforeAll(async () => {
    rig = await startRig({
      hosts: 6,
      perHost: {
        web1: {rcNoise: true},
        web2: {shell: 'tcsh', rcNoise: true},
        web3: {shell: 'sh', userland: 'busybox'},
        web4: {shell: 'fish', rcNoise: true},
        web5: {userland: 'busybox', rcNoise: true},
        web6: {shell: 'dash'},
      },
    });
    project = path.join(rig.dir, 'project');
    await mkdir(path.join(project, 'content'), {recursive: true});
    await writeFile(
      path.join(project, 'drover.yml'),
      'apps:\n  site: {source: ./content, root: /srv/site, hosts: "role:web", push: {via: relay}}\n',
    );
    await writeFile(path.join(project, 'inventory.yml'), rig.inventoryYaml());
  });
  afterAll(async () => {
    await rig?.stop();
  });

  const drover = (words: readonly string[]) => rig.operator.exec([process.execPath, program, ...words], {cwd: project, timeoutMs: 300_000});
  /** New content that no compression makes smaller; gives its snapshot. */
  const renew = async (): Promise<string> => {
    await writeFile(path.join(project, 'content', 'big'), randomBytes(contentBytes));
    const ended = await drover(['snapshot', 'site']);
    expect(ended.status, ended.stderr).toBe(0);
    return ended.stdout.trim();
  };
  const push = async (words: readonly string[] = []): Promise<PushJson> => {
    const ended = await drover(['push', '--all', '--json', ...words]);
    expect(ended.status, `${ended.stderr}\n${ended.stdout}`).toBe(0);
    return JSON.parse(ended.stdout) as PushJson;
  };
  /** Bytes that left the operator's own network stack. */
  const bytesOut = async (): Promise<number> => {
    const {stdout} = await rig.operator.exec(['cat', '/proc/net/dev']);
    return Number(/^ *br0:(.*)$/m.exec(stdout)?.[1]?.trim().split(/\s+/)[8]);
  };
  const inside = async (host: string, script: string): Promise<string> =>
    (await rig.exec(host, ['/usr/bin/dash', '-c', script])).stdout.trim();
  /** Relay folders, pull folders with their keys, and processes of either. */
  const leftovers = async (): Promise<string> =>
    (
      await Promise.all(
        web.map((host) =>
          inside(
            host,
            `cd /srv/site/.drover && find . -name relay -o -name '*.pull' -o -name key
for each in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <"$each" | grep -E 'drover/rela[y]|drover-rela[y]'; done 2>/dev/null; true`,
          ),
        ),
      )
    ).join('');
  const awaitClean = async (): Promise<void> => {
    for (let tries = 0; tries < 900 && (await leftovers()) !== ''; tries++) await sleep(100);
    expect(await leftovers()).toBe('');
  };
  const expectWhole = async (id: string): Promise<void> => {
    for (const host of web) expect(await inside(host, `ls /srv/site/releases`), host).toContain(id);
  };
  /** Hosts send no faster than this, so that there is a middle of a transfer. */
  const slowDown = (host: string): Promise<string> =>
    inside(host, '/usr/sbin/tc qdisc replace dev eth0 root tbf rate 16mbit burst 64kb latency 400ms');
  const speedUp = (host: string): Promise<string> => inside(host, '/usr/sbin/tc qdisc del dev eth0 root');

  it('sends each silo its delta once, whatever the login shells and rc files of relays and peers', async () => {
    const id = await renew();
    const before = await bytesOut();
    const pushed = await push();
    const sent = (await bytesOut()) - before;
    expect(pushed.relays.map((relay) => relay.silo).sort()).toEqual(['eu', 'us']);
    expect(pushed.warnings).toEqual([]);
    expect(pushed.hosts.filter((host) => host.relay !== null)).toHaveLength(4);
    expect(pushed.sentBytes).toBeLessThan(1.05 * 2 * contentBytes);
    expect(pushed.relayedBytes).toBeGreaterThan(4 * contentBytes);
    // Everything counts: connections, the programs of all verbs, and the acknowledgements.
    expect(sent).toBeLessThan(1.05 * 2 * contentBytes);
    await expectWhole(id);
    expect(await leftovers()).toBe('');
    const dry = await drover(['push', 'site', id, '--all', '--dry-run', '--via', 'relay']);
    expect(dry.status, dry.stderr).toBe(0);
  });

  it('shows the relays in a dry run, and starts none', async () => {
    await renew();
    const dry = await drover(['push', '--all', '--dry-run']);
    expect(dry.status, dry.stderr).toBe(0);
    expect(dry.stdout.match(/: relay-serve /g)).toHaveLength(2);
    expect(dry.stdout.match(/: relay-pull /g)).toHaveLength(4);
    expect(await leftovers()).toBe('');
  });

  /** Starts a push and gives the relay of silo eu once a peer of it has taken a part of the delta from there. */
  const pushUntilMiddle = async (): Promise<{relay: string; ended: Promise<{status: number | null}>; kill: () => void}> => {
    const child = rig.operator.spawn([process.execPath, program, 'push', '--all', '--events', '-'], {cwd: project});
    const ended = new Promise<{status: number | null}>((resolve) => child.once('exit', (status) => resolve({status})));
    child.stderr?.resume();
    const relay = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.once('exit', () => reject(new Error(`the push ended before its middle: ${text.slice(-2000)}`)));
      child.stdout?.on('data', (piece: Buffer) => {
        text += piece.toString();
        const found = /"kind":"transfer","host":"web[123]","sentBytes":[1-9]\d*,"totalBytes":\d+,"relay":"(web\d)"/.exec(text);
        if (found?.[1] !== undefined) resolve(found[1]);
      });
    });
    return {relay, ended, kill: () => child.kill('SIGKILL')};
  };

  it('B26: goes on through another host when a relay is killed in the middle of its work', async () => {
    const id = await renew();
    await Promise.all(web.map(slowDown));
    const {relay, ended} = await pushUntilMiddle();
    await inside(relay, `cd /srv/site/.drover/relay/*/ && kill -KILL $(cut -d' ' -f1 keeper server serving.* | tr '\\n' ' ')`);
    expect((await ended).status).toBe(0);
    await Promise.all(web.map(speedUp));
    await expectWhole(id);
    await push();
    await awaitClean();
  });

  it('leaves nothing behind when the operator is killed, and goes on from there', async () => {
    const id = await renew();
    await Promise.all(web.map(slowDown));
    const {ended, kill} = await pushUntilMiddle();
    kill();
    await ended;
    await Promise.all(web.map(speedUp));
    await awaitClean();
    const before = await bytesOut();
    await push();
    expect((await bytesOut()) - before).toBeLessThan(1.05 * 2 * contentBytes);
    await expectWhole(id);
    expect(await leftovers()).toBe('');
  });

  it('serves hosts without ssh from here', async () => {
    const id = await renew();
    await inside('web3', 'mount --bind /dev/null /usr/bin/ssh');
    const pushed = await push();
    await inside('web3', 'umount /usr/bin/ssh');
    expect(pushed.hosts.find((host) => host.host === 'web3')?.relay).toBe(null);
    expect(pushed.warnings.map((warning) => warning.message)).toEqual(['silo eu: no ssh on web3, served from here']);
    await expectWhole(id);
  });
});
