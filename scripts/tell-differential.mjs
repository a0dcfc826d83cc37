/** `npm run prove:differential`: what the shells had in common with the model of a host, and how often each verb was asked of each. */
export function tellDifferential(cases) {
  const sum = (key) => cases.reduce((total, each) => total + each[key], 0);
  const violations = cases.flatMap(({disagreements}) => disagreements);
  const verbs = [...new Set(cases.flatMap(({byVerb}) => Object.keys(byVerb)))].sort();
  const count = ({byVerb}, verb) => {
    const {runs = 0, kills = 0} = byVerb[verb] ?? {};
    return `${runs} (${kills})`;
  };
  return {
    line: `${sum('sequences')} sequences, ${sum('verbs')} calls of ${verbs.length} verbs in ${cases.length} shells, ${sum('kills')} of them killed, disagreements: ${violations.length}`,
    violations,
    table: [
      '| shell | seeds | sequences | calls | killed | disagreements |',
      '| --- | --- | --- | --- | --- | --- |',
      ...cases.map(
        ({shell, seeds, sequences, verbs, kills, disagreements}) =>
          `| ${shell} | ${seeds} | ${sequences} | ${verbs} | ${kills} | ${disagreements.length} |`,
      ),
      '',
      'Calls of each verb, and how many of them were killed:',
      '',
      `| verb | ${cases.map(({shell}) => shell).join(' | ')} |`,
      `| --- | ${cases.map(() => '---').join(' | ')} |`,
      ...verbs.map((verb) => `| ${verb} | ${cases.map((each) => count(each, verb)).join(' | ')} |`),
    ],
  };
}
