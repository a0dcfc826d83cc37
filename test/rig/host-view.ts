import type {Rig} from './rig.js';

export interface HostView {
  readonly host: string;
  readonly live: string | undefined;
  /** True when every file of what `current` names is there as its manifest says. */
  readonly whole: boolean;
  readonly leased: boolean;
}

const script = `cd "$1" || exit 9
live=$(readlink current 2>/dev/null); live=\${live#releases/}
echo "live=$live"
[ -n "$live" ] && [ -d "releases/$live" ] && [ -f ".drover/manifests/$live" ] || { [ -z "$live" ] && [ ! -e current ] && echo whole=yes; }
if [ -n "$live" ] && [ -d "releases/$live" ]; then
  found=$(sha256sum <".drover/manifests/$live"); [ "\${found%% *}" = "$live" ] || exit 8
  awk -F'\\t' '$2 == "f" {print $5 "  ./" $1}' ".drover/manifests/$live" >/tmp/sums
  (cd "releases/$live" && sha256sum -c /tmp/sums >/dev/null 2>&1) && echo whole=yes
fi
[ -f .drover/lease ] && echo leased=yes
exit 0`;

/** What a host serves and whether it is whole, looked at from inside, not through drover. */
export async function viewHost(rig: Rig, host: string, root = '/srv/site'): Promise<HostView> {
  const {stdout} = await rig.exec(host, ['/bin/sh', '-c', script, 'view', root], {timeoutMs: 60_000});
  const live = /^live=(.+)$/m.exec(stdout)?.[1];
  return {host, live, whole: /^whole=yes$/m.test(stdout), leased: /^leased=yes$/m.test(stdout)};
}
