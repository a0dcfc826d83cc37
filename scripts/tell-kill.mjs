/** `npm run prove:kill`: the line, what was violated, and a table by what was killed and what brought the fleet back. */
export function tellKill(cases) {
  const trials = cases.filter(({work}) => work !== undefined);
  const totals = cases.find(({requests}) => requests !== undefined);
  const others = totals === undefined ? ['the campaign did not come to its end'] : totals.others;
  const violations = [...trials.flatMap((trial) => trial.violations), ...others];
  const kills = trials.filter(({killed}) => killed);
  const {points = 0, cells = 0, requests = 0, failed = 0, samples = 0} = totals ?? {};
  const seen = (some) => new Set(some.map(({work, recovery, step}) => `${work} ${recovery} ${step}`)).size;
  const rows = [];
  for (const {work, recovery} of trials) {
    if (rows.some((row) => row.work === work && row.recovery === recovery)) continue;
    const isSame = (trial) => trial.work === work && trial.recovery === recovery;
    const broken = trials.filter(isSame).reduce((sum, trial) => sum + trial.violations.length, 0);
    const steps = [...new Set(kills.filter(isSame).map(({step}) => step))].sort();
    rows.push({work, recovery, kills: kills.filter(isSame).length, steps, broken});
  }
  rows.sort((one, other) => (`${one.work} ${one.recovery}` < `${other.work} ${other.recovery}` ? -1 : 1));
  return {
    line: `${kills.length} kills at ${trials.length} of ${points} points, ${seen(kills)} of ${cells} steps x recoveries, ${2 * trials.length} recoveries, ${requests} requests of which ${failed} failed, ${samples} samples of the rotation, violations: ${violations.length}`,
    violations,
    table: [
      '| killed | brought back by | kills | violations | at |',
      '| --- | --- | --- | --- | --- |',
      ...rows.map(({work, recovery, kills, steps, broken}) => `| ${work} | ${recovery} | ${kills} | ${broken} | ${steps.join(', ')} |`),
    ],
  };
}
