/** `npm run prove:traffic`: the line, what was violated, and the rest of the figures. */
export function tellTraffic([figures]) {
  if (figures === undefined) return {line: 'the campaign did not come to its end', violations: ['no figures'], table: []};
  const {deploys, rollbacks, reloads, requests, retried, failed, sockets, opened, cut, early, refused, samples, below, violations} =
    figures;
  const count = (number, what) => `${number} ${what}${number === 1 ? '' : 's'}`;
  return {
    line: `${count(deploys, 'deploy')}, ${count(rollbacks, 'rollback')}, ${count(reloads, 'reload')}: ${requests} requests, failed: ${failed}; ${sockets} WebSockets, cut early: ${early}; ${samples} samples, below the floor: ${below}; violations: ${violations.length}`,
    violations,
    table: [
      '| | |',
      '| --- | --- |',
      `| requests asked again on a fresh connection, as browsers do | ${retried} |`,
      `| WebSockets opened in all | ${opened} |`,
      `| closed when their host left, at its deadline or later | ${cut - early} |`,
      `| refused when they came back | ${refused} |`,
    ],
  };
}
