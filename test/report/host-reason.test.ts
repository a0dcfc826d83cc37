import {describe, expect, it} from 'vitest';
import {foldReasons} from '../../src/lib/report/host-reason.js';
import {foldEvents} from '../../src/lib/report/run-model.js';
import {renderSummary} from '../../src/lib/report/summary.js';
import {createRecorder} from './recorded-run.js';

const away = (host: string, address: string, why: string) => ({host, why: `${host}: deploy@${address}:22${why}`});

describe('foldReasons', () => {
  it('drops the host and the way to it where several failed alike, and keeps the way of one that stands alone', () => {
    const folded = foldReasons([
      away('web1', '10.0.0.1', ': no route to the host'),
      away('web2', '10.0.0.2', ': no route to the host'),
      away('web3', '10.0.0.3', ': connection refused'),
      away('web4', '2001:db8::4', ' closed the connection before the login'),
      away('web5', '2001:db8::5', ' closed the connection before the login'),
      {host: 'web6', why: 'exit 3'},
      {host: 'web7', why: 'exit 3'},
    ]);
    expect([...folded.values()]).toEqual([
      ...['no route to the host', 'no route to the host', 'deploy@10.0.0.3:22: connection refused'],
      ...['closed the connection before the login', 'closed the connection before the login', 'exit 3', 'exit 3'],
    ]);
  });

  it('H1: lets hosts that are dead in one way stand in one row of a summary', () => {
    const {events, at} = createRecorder();
    at(0, {kind: 'run-started', command: 'run', operator: 'ana', hosts: 3});
    for (const number of [1, 2, 3]) {
      const {host, why} = away(`web${number}`, `10.0.0.${number}`, ': no SSH session within 10 s');
      at(1, {kind: 'host-ended', host, outcome: 'failed', code: 'unreachable', why});
    }
    const rows = renderSummary({model: foldEvents(events), colour: false}).split('\n');
    expect(rows).toContain('  failed      web[1-3]  unreachable: no SSH session within 10 s');
  });
});
