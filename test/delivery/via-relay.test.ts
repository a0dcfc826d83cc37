import {existsSync} from 'node:fs';
import {readFile, rm, writeFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import path from 'node:path';
import {Readable} from 'node:stream';
import {afterEach, describe, expect, it} from 'vitest';
import type {Sent} from '../../src/lib/delivery/send-delta.js';
import {relayPart} from '../../src/lib/host/stage-request.js';
import {sshdMissing} from '../host/sshd.js';
import {RelayFleet} from './relay-fleet.js';

const bytesFromHere = (sent: Record<string, Sent>): number =>
  Object.values(sent).reduce((sum, each) => sum + (each.kind === 'staged' ? each.sentBytes : 0), 0);

describe.skipIf(sshdMissing !== undefined)('via a relay', {timeout: 300_000}, () => {
  let fleet: RelayFleet;
  afterEach(async () => {
    expect(await fleet.leftovers()).toEqual([]);
    await fleet.remove();
  });

  it('sends the delta once, and every host has it, whole', async () => {
    fleet = await RelayFleet.make(4);
    const sent = await fleet.bringAll(fleet.open());
    await fleet.verifyAll();
    expect(bytesFromHere(sent)).toBe(fleet.delta.bytes);
    expect(sent.web1).toEqual({kind: 'staged', sentBytes: fleet.delta.bytes, resumedBytes: 0});
    expect(sent.web4).toEqual({kind: 'staged', sentBytes: 0, resumedBytes: 0, relay: 'web1'});
    expect(fleet.progress.get('web4')).toEqual({bytes: fleet.delta.bytes, from: 'web1'});
    expect(fleet.relays).toEqual(['web1']);
    expect(fleet.warnings).toEqual([]);
    expect(await fleet.bringAll(fleet.open())).toMatchObject({web2: {kind: 'unchanged'}});
  });

  it('tells each peer its share of the limits when it begins', async () => {
    fleet = await RelayFleet.make(3);
    const asked: string[] = [];
    const rateOf = ({name}: {name: string}): number => {
      asked.push(name);
      return fleet.delta.bytes;
    };
    await fleet.bringAll(fleet.open({rateOf}));
    await fleet.verifyAll();
    expect(asked.sort()).toEqual(['web2', 'web3']);
  });

  it('B26 T18: strikes a relay off that lies, keeps what was proved, and takes another', async () => {
    fleet = await RelayFleet.make(3);
    const {site, app} = fleet.member('web2');
    const request = site.request(fleet.delta);
    await app.stageOpen(request);
    const head = (await readFile(fleet.delta.path)).subarray(0, 1000);
    await app.stagePut(request, 0, Readable.from([head]), {idleMs: 60_000, totalMs: 60_000});
    fleet.onRelay = async (member) => {
      if (member.host.name !== 'web1') return;
      const file = path.join(await fleet.relayFolder(member), 'delta');
      const bytes = await readFile(file);
      bytes[bytes.length - 10] = (bytes[bytes.length - 10] ?? 0) ^ 1;
      await rm(file);
      await writeFile(file, bytes);
    };
    const sent = await fleet.bringAll(fleet.open());
    await fleet.verifyAll();
    const [liar, honest] = fleet.relays;
    expect([liar, fleet.relays.length]).toEqual(['web1', 2]);
    expect(sent.web2).toMatchObject({resumedBytes: 1000});
    expect(sent[honest === 'web2' ? 'web3' : 'web2']).toMatchObject({relay: honest, sentBytes: 0});
    expect(fleet.warnings).toEqual([expect.stringMatching(/^struck off as relay: web1: web[23]: what came is not the delta/)]);
  });

  it('B26: takes another when a relay dies, and when it hangs', async () => {
    fleet = await RelayFleet.make(4);
    fleet.onRelay = async (member) => {
      if (fleet.relays.length === 1) {
        process.kill(await fleet.pidOf(member, 'keeper'), 'SIGKILL');
        process.kill(await fleet.pidOf(member, 'server'), 'SIGKILL');
      } else if (fleet.relays.length === 2) {
        process.kill(await fleet.pidOf(member, 'server'), 'SIGSTOP');
      }
    };
    const sent = await fleet.bringAll(fleet.open());
    await fleet.verifyAll();
    expect(fleet.relays).toHaveLength(3);
    const [dead, hanging, good] = fleet.relays;
    const served = fleet.members.map(({host}) => host.name as string).find((name) => !fleet.relays.includes(name)) ?? '';
    expect(sent[served]).toMatchObject({relay: good, sentBytes: 0});
    expect(fleet.warnings).toHaveLength(1);
    expect(fleet.warnings[0]).toMatch(new RegExp(`^struck off as relay: ${dead}: web\\d: 0 of \\d+ bytes came: .*; ${hanging}: web\\d: `));
  });

  it('serves everyone from here when no relay can start, and says once why', async () => {
    fleet = await RelayFleet.make(3);
    const busy = createServer();
    await new Promise<void>((resolve) => busy.listen(0, resolve));
    const {port} = busy.address() as {port: number};
    const sent = await fleet.bringAll(fleet.open({port}));
    busy.close();
    await fleet.verifyAll();
    expect(bytesFromHere(sent)).toBe(3 * fleet.delta.bytes);
    expect(fleet.warnings).toEqual([expect.stringMatching(/^no relay in silo eu, its hosts are served from here: web1: .*Bind to port/)]);
  });

  it('serves hosts without ssh from here, and the others from a relay; a host that has sshd and no ssh may relay', async () => {
    fleet = await RelayFleet.make(4);
    fleet.tools.set('web1', new Set(['ssh']));
    fleet.tools.set('web2', new Set(['sshd']));
    fleet.tools.set('web3', new Set());
    const sent = await fleet.bringAll(fleet.open());
    await fleet.verifyAll();
    expect(fleet.relays).toEqual([expect.stringMatching(/^web[24]$/)]);
    expect(sent.web3).toMatchObject({kind: 'staged', sentBytes: fleet.delta.bytes});
    expect(sent.web1).toMatchObject({relay: fleet.relays[0]});
  });

  it('leaves a peer that cannot fetch from a good relay alone, and serves it from here', async () => {
    fleet = await RelayFleet.make(4);
    fleet.meddling.set('web3', async (request, exec) => {
      if (request.label?.startsWith('relay-pull') !== true) return exec(request);
      while (!['web2', 'web4'].every((name) => existsSync(fleet.member(name).site.at('releases', fleet.id))))
        await new Promise((resolve) => setImmediate(resolve));
      const header = (request.stdin as Buffer)
        .toString()
        .replace(/^address=.*$/m, 'address=127.0.0.99')
        .replace(/^port=.*$/m, 'port=1');
      return exec({...request, stdin: Buffer.from(header)});
    });
    const sent = await fleet.bringAll(fleet.open());
    await fleet.verifyAll();
    expect(fleet.relays).toEqual(['web1']);
    expect(sent.web3).toEqual({kind: 'staged', sentBytes: fleet.delta.bytes, resumedBytes: 0});
    expect(fleet.warnings).toEqual([expect.stringMatching(/^web3 gets nothing from the relay web1 and is served from here: /)]);
  });

  it('continues on a peer where an earlier transfer stopped, and asks nobody for what is all there', async () => {
    fleet = await RelayFleet.make(3);
    for (const [name, bytes] of [
      ['web2', 5000],
      ['web3', fleet.delta.bytes],
    ] as const) {
      const {app, site} = fleet.member(name);
      const request = site.request(fleet.delta);
      await app.stageOpen(request);
      const head = (await readFile(fleet.delta.path)).subarray(0, bytes);
      await app.stagePut(request, 0, Readable.from([head]), {idleMs: 60_000, totalMs: 60_000});
      expect(relayPart(request).bytes).toBe(fleet.delta.bytes);
    }
    const sent = await fleet.bringAll(fleet.open());
    await fleet.verifyAll();
    expect(sent.web2).toEqual({kind: 'staged', sentBytes: 0, resumedBytes: 5000, relay: 'web1'});
    expect(sent.web3).toMatchObject({resumedBytes: fleet.delta.bytes});
    expect(bytesFromHere(sent)).toBe(fleet.delta.bytes);
  });

  it('works one host at a time as well, whoever asks first', async () => {
    fleet = await RelayFleet.make(3);
    fleet.tools.set('web1', new Set(['ssh']));
    const relay = fleet.open();
    const sent = [await fleet.bring(relay, 'web1'), await fleet.bring(relay, 'web2'), await fleet.bring(relay, 'web3')];
    await relay.end();
    await fleet.verifyAll();
    expect(fleet.relays).toEqual(['web2']);
    expect(sent).toMatchObject([{relay: 'web2'}, {sentBytes: fleet.delta.bytes}, {relay: 'web2'}]);
  });
});
