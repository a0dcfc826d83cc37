import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {SiloRelay} from '../../src/lib/delivery/via-relay.js';
import type {Link} from '../../src/lib/host/link.js';
import {makeHost, patiently} from '../host/some-host.js';
import {linkWith, Site} from '../host/verb-site.js';
import type {Way} from './delivery-contract.js';
import {dieAfter} from './dying-link.js';

const [relayHost, peerHost] = ['web1', 'web2'].map((name) => makeHost({address: '127.0.0.1'}, name)) as [
  ReturnType<typeof makeHost>,
  ReturnType<typeof makeHost>,
];

/** A silo of two: the contract's host, which can only fetch, and one that can only relay and has the same base. Real ssh and sshd between them. */
export async function openRelayWay(): Promise<Way> {
  const folder = await mkdtemp(path.join(tmpdir(), 'drover-relay-way-'));
  const partners = new Map<Site, Site>();
  const findPartner = async (site: Site): Promise<Site> => {
    const partner = partners.get(site) ?? (await Site.make());
    partners.set(site, partner);
    return partner;
  };
  return {
    async send(site, delta, {cutAfterBytes} = {}) {
      const partner = await findPartner(site);
      // A host that has the release does not relay it.
      if (delta.base !== delta.snapshot) await partner.app.discard(delta.snapshot);
      let offset: number | undefined;
      const peer: Link = {
        ...(cutAfterBytes === undefined ? site.link : await cutLink(site, folder, cutAfterBytes)),
        host: peerHost,
      };
      const watched: Link = {
        ...peer,
        exec: (request) => {
          if (request.label?.startsWith('relay-pull ') === true) offset = Number(/ offset=(\d+)/.exec(request.label)?.[1]);
          return peer.exec(request);
        },
      };
      const apps = new Map([
        [relayHost.name, partner.appOver({...partner.link, host: relayHost})],
        [peerHost.name, site.appOver(watched)],
      ]);
      const appOf = (host: {readonly name: typeof relayHost.name}) => apps.get(host.name) ?? site.app;
      const silo = new SiloRelay({
        silo: 'eu',
        hosts: [relayHost, peerHost],
        toolsOf: (host) => new Set([host === relayHost ? 'sshd' : 'ssh']),
        port: 0,
        shape: (source) => source,
        rateOf: () => undefined,
        use: (host, action) => action(appOf(host)),
        now: () => performance.now(),
        random: () => 0,
        signal: patiently,
        onProgress: () => undefined,
        onRelay: async () => undefined,
        onWarning: async () => undefined,
      });
      const bring = (host: typeof relayHost) => silo.bring(host, appOf(host), {delta, unpackedBytes: delta.unpackedBytes, links: {}});
      try {
        const sent = await bring(peerHost);
        await bring(relayHost);
        if (sent.kind === 'unchanged') return sent;
        const fetched = offset === undefined ? 0 : delta.bytes - offset;
        return {kind: 'staged', cameBytes: sent.relay === undefined ? sent.sentBytes : fetched, resumedBytes: sent.resumedBytes};
      } finally {
        await silo.end();
      }
    },
    async close() {
      await Promise.all([...partners.values()].map((partner) => partner.remove()));
      await rm(folder, {recursive: true, force: true});
    },
  };
}

/** The site's link with an ssh that ends at byte `bytes` of the delta; the link dies with it. */
async function cutLink(site: Site, folder: string, bytes: number): Promise<Link> {
  const text = `#!/bin/sh
for last; do :; done
/usr/bin/ssh "$@" | while IFS= read -r line; do
  printf '%s\\n' "$line"
  [ "$line" != "drover $last" ] || exec head -c "$((${bytes} - \${last#* }))"
done
`;
  await writeFile(path.join(folder, 'ssh'), text, {mode: 0o755});
  const {env} = site.shell;
  return dieAfter('relay-pull', linkWith({...site.shell, env: {...env, PATH: `${folder}:${env.PATH}`}}));
}
