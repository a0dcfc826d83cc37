/** `npm run prove:kill`: the line, what was violated, and a table by what was killed and what brought the fleet back. */
export function tellKill(cases) {
  const trials = cases.filter(({work}) => work !== undefined);
  const totals = cases.find(({requests}) => requests !== undefined);
  const others = totals === undefined ? ['the campaign did not come to its end'] : totals.others;
  const violations = [...trials.flatMap((trial) => trial.violations), ...others];
  const kills = trials.filter(({killed}) => killed).length;
  const {points = 0, requests = 0, failed = 0, samples = 0} = totals ?? {};
  const rows = [];
  for (const {work, recovery} of trials) {
    if (rows.some((row) => row.work === work && row.recovery === recovery)) continue;
    const same = trials.filter((trial) => trial.work === work && trial.recovery === recovery);
    const broken = same.reduce((sum, trial) => sum + trial.violations.length, 0);
    rows.push({work, recovery, kills: same.filter(({killed}) => killed).length, broken});
  }
  rows.sort((one, other) => (`${one.work} ${one.recovery}` < `${other.work} ${other.recovery}` ? -1 : 1));
  const cut = trials.length < points ? ` (${trials.length} of ${points} points: time was up)` : '';
  return {
    line: `${kills} kills${cut}, ${2 * trials.length} recoveries, ${requests} requests of which ${failed} failed, ${samples} samples of the rotation, violations: ${violations.length}`,
    violations,
    table: [
      '| killed | brought back by | kills | violations |',
      '| --- | --- | --- | --- |',
      ...rows.map(({work, recovery, kills, broken}) => `| ${work} | ${recovery} | ${kills} | ${broken} |`),
    ],
  };
}
