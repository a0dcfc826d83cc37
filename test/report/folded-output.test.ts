import {describe, expect, it} from 'vitest';
import {foldOutputs} from '../../src/lib/report/folded-output.js';

describe('foldOutputs', () => {
  it('prints each output once, largest group first, failures last', () => {
    const outputs = [
      {host: 'web03', output: 'odd\n'},
      ...['web01', 'web02', 'web04'].map((host) => ({host, output: 'Linux 6.1\nx86_64\n'})),
      {host: 'web05', output: 'Linux 6.1\nx86_64\n', failure: 'exit 3'},
    ];
    expect(foldOutputs({outputs, colour: false})).toBe(
      '--- web[01-02,04] (3)\nLinux 6.1\nx86_64\n--- web03 (1)\nodd\n--- web05 (1) exit 3\nLinux 6.1\nx86_64\n',
    );
  });

  it('makes output harmless for terminals and CI logs', () => {
    const text = foldOutputs({
      outputs: [{host: 'web1', output: '::error::x\r\n\u001b]0;title\u0007\n##[group]y', failure: 'lost: \u001b[2J'}],
      colour: false,
    });
    expect(text).toBe('--- web1 (1) lost: \\x1b[2J\n\\::error::x\n\\x1b]0;title\\x07\n#\\#[group]y\n');
  });

  it('shows 400 equal hosts as one group', () => {
    const outputs = Array.from({length: 400}, (_, index) => ({host: `web${index + 1}`, output: 'ok\n'}));
    expect(foldOutputs({outputs, colour: false})).toBe('--- web[1-400] (400)\nok\n');
  });
});
