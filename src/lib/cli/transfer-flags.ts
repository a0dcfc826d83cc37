import {Flags} from '@oclif/core';
import {DroverError} from '../errors/drover-error.js';
import type {App, Project, PushRate} from '../inventory/app.js';
import {parseByteRate} from '../inventory/byte-rate.js';
import {boundedInteger} from './shared-flags.js';

const levels = ['host', 'silo', 'run'] as const;

/** What a command line says of limits: a level that is there and undefined is lifted, one that is not there stays as the file has it. */
export type RateChange = PushRate;

/** `host=20M,run=1G`, `silo=none`, or `none` for all. Throws `usage`. */
export function parseRateChange(text: string): RateChange {
  if (text === 'none') return {host: undefined, silo: undefined, run: undefined};
  const change: {[level in (typeof levels)[number]]?: number | undefined} = {};
  for (const part of text.split(',')) {
    const [word, value, ...more] = part.split('=');
    const level = levels.find((each) => each === word);
    if (level === undefined || value === undefined || more.length > 0 || level in change) {
      throw new DroverError({
        code: 'usage',
        message: `--rate must name each of host, silo and run at most once, for example host=20M,run=200M, got ${JSON.stringify(text)}`,
      });
    }
    change[level] = value === 'none' ? undefined : parseByteRate(value, `--rate ${level}`);
  }
  return change;
}

export const transferFlags = {
  rate: Flags.custom<RateChange>({parse: async (text) => parseRateChange(text)})({
    description: 'most bytes per second to a host, to a silo, and in all, instead of push.rate; none lifts a limit',
    helpValue: 'host=20M,silo=100M,run=200M',
    helpGroup: 'RUN',
  }),
  'retry-around-failure': boundedInteger({
    description: 'how often a transfer that was cut is continued within the run, instead of push.retries (4)',
    min: 0,
    max: 20,
    helpGroup: 'RUN',
  }),
};

export interface TransferFlags {
  readonly rate?: RateChange | undefined;
  readonly 'retry-around-failure'?: number | undefined;
}

/** The app with what the command line says of its transfers. */
export function adjustApp(app: App, flags: TransferFlags): App {
  const {rate, 'retry-around-failure': retries} = flags;
  if (rate === undefined && retries === undefined) return app;
  const push = app.push ?? {via: 'direct'};
  return {
    ...app,
    push: {...push, ...(rate === undefined ? {} : {rate: {...push.rate, ...rate}}), ...(retries === undefined ? {} : {retries})},
  };
}

/** As `adjustApp`, where only the hosts know which app it is. */
export function adjustProject(project: Project, flags: TransferFlags): Project {
  return {...project, apps: new Map([...project.apps].map(([name, app]) => [name, adjustApp(app, flags)]))};
}
