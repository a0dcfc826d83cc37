/** `npm run prove:fleet`: the line, what was violated, and a table of the three commands. */
export function tellFleet([figures]) {
  if (figures === undefined) return {line: 'the campaign did not come to its end', violations: ['no figures'], table: []};
  const {hosts, lost, raisedMs, healedMs, judged, violations} = figures;
  const seconds = (ms) => (ms === undefined ? '-' : (ms / 1000).toFixed(1));
  const parts = judged.map(({command, wallMs, limitMs}) => `${command} ${seconds(wallMs)} s of at most ${seconds(limitMs)} s`);
  return {
    line: `${hosts} separate hosts, ${lost} of them lost: ${parts.join(', ')}; violations: ${violations.length}`,
    violations,
    table: [
      '| command | exit | without bad hosts s | healthy hosts done s | slow ones s | all s | bound s | groups of bad hosts |',
      '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
      ...judged.map(
        ({command, status, undisturbedMs, normalMs, slowMs, wallMs, limitMs, groups}) =>
          `| ${command} | ${status} | ${[undisturbedMs, normalMs, slowMs, wallMs, limitMs].map(seconds).join(' | ')} | ${groups} |`,
      ),
      '',
      `Raised in ${seconds(raisedMs)} s. When all hosts were well again, the next deploy brought those that were left to the release in ${seconds(healedMs)} s. ` +
        'The bound of a deploy is the one that its plan prints; `run` and `health` print none, and are held to twice what they took without bad hosts and ' +
        'what those keep of the lanes.',
    ],
  };
}
