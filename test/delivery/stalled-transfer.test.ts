import {describe, expect, it} from 'vitest';
import {sendDelta} from '../../src/lib/delivery/send-delta.js';
import {HostApp} from '../../src/lib/host/host-app.js';
import type {Link} from '../../src/lib/host/link.js';
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import {verbCommand} from '../../src/lib/host/verb-program.js';
import {hostAt, patiently, plainEnv} from '../host/some-host.js';
import {sshdMissing, startSshd} from '../host/sshd.js';
import {startProxy} from '../host/tcp-proxy.js';
import {Site} from '../host/verb-site.js';

describe('a host that takes no byte', () => {
  it.each(['stall', 'total'] as const)(
    'is given up by the %s clock, with the next command, and is not worth another try',
    async (clock) => {
      const site = await Site.make();
      const id = await site.snapshot({big: Array.from({length: 200_000}, () => Math.random().toString(36)).join('')});
      const delta = await site.delta(undefined, id);
      // Its disk hangs: the verb begins and never reads.
      const link: Link = {
        ...site.link,
        exec: (request) =>
          site.link.exec(request.command === verbCommand('stage-put') ? {...request, command: "exec /bin/sh -c 'sleep 1000'"} : request),
      };
      const sent: number[] = [];
      const sending = sendDelta({
        ...{host: site.appOver(link), delta, unpackedBytes: delta.unpackedBytes, links: {}, run: {id: 'run-7', plan: '{}', endsHere: true}},
        onProgress: (bytes) => sent.push(bytes),
        ...(clock === 'stall' ? {stallMs: 400} : {totalMs: 400}),
      });
      await expect(sending).rejects.toMatchObject({
        failure: 'lost',
        timedOut: true,
        code: 'needs-attention',
        problems: [{host: 'web1', fix: 'look at the host, then continue with: drover resume run-7'}],
        message: clock === 'stall' ? 'web1: stage-put: no sign of life for 0.4 s' : 'web1: stage-put: not done after 0.4 s',
      });
      // What the pipes hold has gone, the rest has not.
      expect(sent.at(-1)).toBeLessThan(delta.bytes);
      expect((await site.app.readState()).openRuns).toEqual(['run-7']);
      expect(await site.send(id)).toMatchObject({kind: 'staged'});
      await site.remove();
    },
  );

  it.skipIf(sshdMissing !== undefined)(
    'B23: is given up by the stall clock also where small requests pass and large packets vanish on the way',
    async () => {
      const [site, sshd] = [await Site.make(), await startSshd()];
      const proxy = await startProxy(sshd.port);
      const links = createLinkOpener({env: plainEnv(), runtimeDirectory: sshd.folder});
      const link = await links.open(hostAt(sshd, {link: 'ssh', port: proxy.port, fingerprint: sshd.fingerprint('ed25519')}), patiently);
      const host = new HostApp(link, site.root, 'shop', patiently);
      const id = await site.snapshot({big: Array.from({length: 100_000}, () => Math.random().toString(36)).join('')});
      const delta = await site.delta(undefined, id);
      const options = {host, delta, unpackedBytes: delta.unpackedBytes, links: {}, onProgress: () => undefined};
      proxy.swallowAfter(delta.bytes / 2);
      await expect(sendDelta({...options, stallMs: 400})).rejects.toMatchObject({
        code: 'needs-attention',
        message: 'web1: stage-put: no sign of life for 0.4 s',
        problems: [{fix: 'look at the host, then continue with: drover push'}],
      });
      await links.closeAll();
      await proxy.close();
      await sshd.stop();
      expect(await site.send(id)).toMatchObject({kind: 'staged'});
      await site.remove();
    },
  );
});
