import {describe, expect, it} from 'vitest';
import {measureText} from '../../src/lib/report/display-width.js';
import {renderHtml} from '../../src/lib/report/html-timeline.js';
import {summarize} from '../../src/lib/report/json-summary.js';
import {foldEvents} from '../../src/lib/report/run-model.js';
import {renderSummary} from '../../src/lib/report/summary.js';
import {createRecorder, recordLargeDeploy, recordSmallDeploy} from './recorded-run.js';

describe('renderSummary', () => {
  it.each([80, 200])('of a small deploy at %d columns', async (columns) => {
    const text = renderSummary({model: foldEvents(recordSmallDeploy()), colour: false, columns});
    await expect(text).toMatchFileSnapshot(`golden/summary-small-${columns}.txt`);
  });

  it.each([80, 200])('of 400 hosts that turned round at %d columns, none wider', async (columns) => {
    const text = renderSummary({model: foldEvents(recordLargeDeploy({turn: true})), colour: false, columns});
    for (const line of text.split('\n')) expect(measureText(line)).toBeLessThanOrEqual(columns);
    await expect(text).toMatchFileSnapshot(`golden/summary-large-${columns}.txt`);
  });

  it('names the snapshot of hosts that serve parts of it, and the part where it is one', () => {
    const {events, at} = createRecorder();
    const [snapshot, before] = ['9'.repeat(64), '8'.repeat(64)];
    at(0, {kind: 'run-started', command: 'deploy', operator: 'ana', hosts: 4});
    at(1, {kind: 'planned', digest: 'd', waves: [], boundMs: 1, snapshot});
    for (const [host, release] of [
      ['web1', 'a'],
      ['web2', 'b'],
      ['web3', 'a'],
    ] as const)
      at(2, {kind: 'host-ended', host, outcome: 'done', release: release.repeat(64), snapshot});
    at(3, {kind: 'host-ended', host: 'web4', outcome: 'reverted', release: 'c'.repeat(64), snapshot: before});
    expect(
      renderSummary({model: foldEvents(events), colour: false})
        .split('\n')
        .slice(0, 3),
    ).toEqual([
      'deploy 9999999  not finished, 4 hosts, 0.0s',
      '  done        web[1-3]  9999999 (2 parts)',
      '  reverted    web4      8888888 (part ccccccc)',
    ]);
  });

  it('T8: makes foreign text harmless', () => {
    const {events, at} = createRecorder();
    at(0, {kind: 'run-started', command: 'deploy', operator: 'ana', hosts: 1});
    at(1, {kind: 'host-ended', host: 'web1', outcome: 'failed', code: 'unhealthy', why: '\u001b[2J\n::error::x ##[group]'});
    expect(renderSummary({model: foldEvents(events), colour: false})).toContain('web1  unhealthy: \\x1b[2J\\n::error::x #\\#[group]\n');
  });
});

describe('summarize', () => {
  it('gives the one JSON object of a run', async () => {
    await expect(`${JSON.stringify(summarize(recordSmallDeploy()), null, 2)}\n`).toMatchFileSnapshot('golden/summary-small.json.txt');
  });

  it('says of a run without an end that hosts in hand are in an unknown state and the others were not reached', () => {
    const {events, at} = createRecorder();
    at(0, {kind: 'run-started', command: 'deploy', operator: 'ana', hosts: 3});
    at(1, {kind: 'planned', digest: 'd', waves: [{name: 'eu', silo: 'eu', hosts: ['web1', 'web2', 'web3']}], boundMs: 1});
    at(2, {kind: 'wave-started', wave: 'eu', index: 1, of: 1, hosts: ['web1', 'web2', 'web3']});
    at(3, {kind: 'step-started', host: 'web1', step: 'read-state'});
    at(4, {kind: 'step-started', host: 'web2', step: 'switch'});
    at(5, {kind: 'host-ended', host: 'web3', outcome: 'done'});
    const summary = summarize(events);
    expect(summary).toMatchObject({outcome: 'unfinished', exit: null, waves: [{outcome: 'unfinished'}]});
    expect(summary.hosts.map(({host, outcome, reached}) => [host, outcome, reached])).toEqual([
      ['web1', 'skipped', false],
      ['web2', 'interrupted', true],
      ['web3', 'done', true],
    ]);
  });

  it('counts each host of a large run once', () => {
    const {hosts, waves} = summarize(recordLargeDeploy());
    expect(hosts).toHaveLength(400);
    expect(new Set(hosts.map(({host}) => host)).size).toBe(400);
    expect(waves.flatMap((wave) => wave.hosts)).toHaveLength(400);
  });
});

describe('renderHtml', () => {
  it('draws a bar for each step and a row for each host', () => {
    const html = renderHtml(recordSmallDeploy());
    expect(html.match(/<rect class="k-/g)?.length).toBe(7 + 6 * 6 + 6 + 1);
    for (const host of ['web1', 'web2', 'web3', 'web4', 'web5', 'web6', 'web7']) expect(html).toContain(`>${host}<title>`);
    expect(html.match(/class="cross"/g)?.length).toBe(1);
    expect(html).toContain('drover resume 20261121-094100-7f3a');
  });

  it('names every host in trouble among 400, and only some of the others', () => {
    const html = renderHtml(recordLargeDeploy());
    const labels = html.match(/<text class="host /g)?.length ?? 0;
    expect(labels).toBeGreaterThan(100);
    expect(labels).toBeLessThan(250);
    expect(html.match(/<text class="host odd"/g)?.length).toBe(5);
    expect(html.length).toBeLessThan(1_000_000);
  });

  it('loads nothing, runs nothing, and escapes all text', () => {
    const {events, at} = createRecorder('"><script>alert(1)</script>');
    const evil = `</text><script>x</script>"'&\u202e`;
    at(0, {kind: 'run-started', command: 'deploy', app: evil, snapshot: evil, operator: evil, hosts: 1, reason: evil});
    at(1, {kind: 'planned', digest: evil, waves: [{name: evil, silo: evil, hosts: [evil]}], boundMs: 1});
    at(2, {kind: 'step-ended', host: evil, step: 'health', outcome: 'failed', ms: 1, detail: evil});
    at(3, {kind: 'host-ended', host: evil, outcome: 'failed', release: evil, why: evil});
    at(4, {kind: 'rolling-back', hosts: [evil], why: evil});
    at(5, {kind: 'warning', message: evil, host: evil});
    at(6, {kind: 'run-ended', outcome: 'refused', exit: 4, ms: 6, next: evil});
    const html = renderHtml(events);
    expect(html).not.toMatch(/<script|src=|href=|url\(|\u202e/);
    expect(html.match(/<\/text>/g)?.length).toBe(html.match(/<text/g)?.length);
  });
});
