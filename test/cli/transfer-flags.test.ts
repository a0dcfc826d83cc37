import {describe, expect, it} from 'vitest';
import {adjustApp, adjustProject, parseRateChange} from '../../src/lib/cli/transfer-flags.js';
import type {App, Project} from '../../src/lib/inventory/app.js';

const mega = 1024 * 1024;
const app = {name: 'shop', push: {via: 'direct', rate: {host: 5 * mega, run: 50 * mega}}} as App;

describe('--rate', () => {
  it('sets the limits it names, lifts those it calls none, and leaves the others as the file has them', () => {
    expect(adjustApp(app, {rate: parseRateChange('host=20M,silo=100M/s')}).push?.rate).toEqual({
      host: 20 * mega,
      silo: 100 * mega,
      run: 50 * mega,
    });
    expect(adjustApp(app, {rate: parseRateChange('run=none')}).push?.rate).toEqual({host: 5 * mega, run: undefined});
    expect(adjustApp(app, {rate: parseRateChange('none')}).push?.rate).toEqual({host: undefined, silo: undefined, run: undefined});
    expect(adjustApp({...app, push: undefined} as unknown as App, {rate: parseRateChange('run=1M')}).push).toEqual({
      via: 'direct',
      rate: {run: mega},
    });
    expect(adjustApp(app, {})).toBe(app);
  });

  it('goes along with --retry-around-failure, and neither touches the other', () => {
    expect(adjustApp(app, {'retry-around-failure': 0}).push).toEqual({via: 'direct', rate: app.push?.rate, retries: 0});
  });

  it('goes for every app where only the hosts know which one it is', () => {
    const project = {apps: new Map([['shop', app]])} as unknown as Project;
    expect([...adjustProject(project, {rate: parseRateChange('host=1M')}).apps.values()][0]?.push?.rate?.host).toBe(mega);
  });

  it.each(['', 'host', 'host=', 'hosts=20M', 'host=20M,host=30M', 'host=20', 'host=20M;run=1G', 'host=1=2', 'none,host=1M'])(
    '%j is refused as bad usage',
    (text) => {
      expect(() => parseRateChange(text)).toThrow(expect.objectContaining({code: 'usage'}));
    },
  );
});
