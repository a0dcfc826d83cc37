/**
 * Why hosts failed, for the eye: without the name of the host, which stands beside it; and where several failed alike, without the way to each,
 * `user@address:port`, which would keep them apart.
 */
export function foldReasons(reasons: readonly {readonly host: string; readonly why: string}[]): ReadonlyMap<string, string> {
  const named = reasons.map(({host, why}) => ({host, why: why.startsWith(`${host}: `) ? why.slice(host.length + 2) : why}));
  const alike = new Map<string, number>();
  for (const {why} of named) alike.set(withoutWay(why), (alike.get(withoutWay(why)) ?? 0) + 1);
  return new Map(named.map(({host, why}) => [host, (alike.get(withoutWay(why)) ?? 0) > 1 ? withoutWay(why) : why]));
}

function withoutWay(why: string): string {
  return why.replace(/^[^\s@:]+@\S+:\d+:? /, '');
}
