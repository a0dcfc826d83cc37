import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import type {Host, Inventory, SshSettings} from '../../src/lib/inventory/host.js';
import {type CommandResult, runCommand} from '../../src/lib/operations/run-command.js';
import type {World} from '../../src/lib/operations/world.js';
import {hostAt, makeHost, patiently, plainEnv} from '../host/some-host.js';
import {findFreePort, type Sshd, sshdMissing, startSshd} from '../host/sshd.js';
import {startMuteServer} from '../host/tcp-proxy.js';

describe.skipIf(sshdMissing !== undefined)('a command on hosts of which some are in trouble', () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd?.stop());

  it('H1: the healthy ones of 10 end while one that is silent after its banner hangs, and one that is dead is told', async () => {
    const mute = await startMuteServer();
    const dead = await findFreePort();
    const host = (number: number, ssh: Partial<SshSettings> = {}): Host => ({
      ...hostAt(sshd, {link: 'ssh', fingerprint: sshd.fingerprint('ed25519'), connectTimeoutMs: 60_000, ...ssh}),
      name: makeHost({}, `web${number}`).name,
    });
    // The troubled ones come first: whoever waits for them in turn would wait for ever.
    const troubled = [host(1, {port: mute.port}), host(2, {port: dead})];
    const healthy = Array.from({length: 8}, (_, index) => host(index + 3));
    const hosts = [...troubled, ...healthy];
    const links = createLinkOpener({env: plainEnv(), runtimeDirectory: sshd.folder});
    const world: World = {
      project: {file: 'drover.yml', inventory: 'inventory.yml', apps: new Map(), store: '', events: []},
      inventory: {file: 'inventory.yml', hosts} as unknown as Inventory,
      emit: async () => undefined,
      ...{links, run: 'run-1', operator: 'ana@desk', reason: '', now: Date.now, concurrency: 4, random: () => 0},
      ...{interrupted: patiently, signal: patiently},
    };
    const order: string[] = [];
    const onResult = ({host: name}: CommandResult): void => {
      order.push(name);
      // Only now does the silent one end.
      if (order.length === hosts.length - 1) void mute.close();
    };
    const {results, end} = await runCommand(world, {command: 'echo here', hosts, timeoutSeconds: 60, maxBytes: 1000, onResult});
    await links.closeAll();
    expect(order.at(-1)).toBe('web1');
    expect(results.filter(({output}) => output === 'here\n').map(({host: name}) => name)).toEqual(healthy.map(({name}) => name));
    expect(results.slice(0, 2).map(({failure}) => failure)).toEqual([
      expect.stringContaining('no answer'),
      expect.stringContaining('connection refused'),
    ]);
    expect([end.outcome, end.exit]).toEqual(['needs-attention', 8]);
  }, 300_000);
});
