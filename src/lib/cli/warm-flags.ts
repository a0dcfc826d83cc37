import path from 'node:path';
import {Flags} from '@oclif/core';
import {DroverError} from '../errors/drover-error.js';
import type {App, WarmSettings} from '../inventory/app.js';
import {parseRate} from '../inventory/rate.js';
import {boundedInteger, duration} from './shared-flags.js';

export const warmFlags = {
  urls: Flags.string({description: 'file of paths or URLs, one a line', exclusive: ['sitemap'], helpGroup: 'WARMING'}),
  sitemap: Flags.string({description: 'path of the sitemap on the host', helpGroup: 'WARMING'}),
  port: boundedInteger({description: "port of the host's own cache or server", min: 1, max: 65_535, helpGroup: 'WARMING'}),
  rate: Flags.string({description: 'requests per host, 20/s or 600/m', helpGroup: 'WARMING'}),
  parallel: boundedInteger({description: 'requests at once per host', min: 1, max: 64, helpGroup: 'WARMING'}),
  until: Flags.string({description: '"hit >= 98%" or "converged 95%"', helpGroup: 'WARMING'}),
  deadline: duration({description: 'per host', helpValue: '2m', helpGroup: 'WARMING'}),
};

interface WarmFlagValues {
  readonly urls?: string | undefined;
  readonly sitemap?: string | undefined;
  readonly port?: number | undefined;
  readonly rate?: string | undefined;
  readonly parallel?: number | undefined;
  readonly until?: string | undefined;
  readonly deadline?: number | undefined;
}

/** What holds where neither the file nor a flag says otherwise. */
const defaults: WarmSettings = {
  from: {kind: 'sitemap', url: '/sitemap.xml'},
  mode: 'clone',
  port: 80,
  headers: {},
  ratePerSecond: 20,
  concurrency: 4,
  deadlineMs: 120_000,
};

/** The app with flags over its own settings. An app without `warm:` can be warmed when flags say from what. */
export function warmOverrides(app: App, flags: WarmFlagValues): App {
  const named = flags.urls !== undefined || flags.sitemap !== undefined;
  if (app.warm === undefined && !named) return app;
  const base = app.warm ?? defaults;
  const from: WarmSettings['from'] =
    flags.urls !== undefined
      ? {kind: 'file', path: path.resolve(flags.urls)}
      : flags.sitemap !== undefined
        ? {kind: 'sitemap', url: flags.sitemap}
        : base.from;
  return {
    ...app,
    warm: {
      ...base,
      from,
      port: flags.port ?? base.port,
      ratePerSecond: flags.rate === undefined ? base.ratePerSecond : parseRate(flags.rate, '--rate'),
      concurrency: flags.parallel ?? base.concurrency,
      deadlineMs: flags.deadline ?? base.deadlineMs,
      ...(flags.until === undefined ? {} : {until: parseUntil(flags.until)}),
    },
  };
}

function parseUntil(text: string): NonNullable<WarmSettings['until']> {
  const match = /^\s*(?:(hit)\s*>=|(converged))\s*(\d{1,3}(?:\.\d+)?)\s*%\s*$/.exec(text);
  const percent = Number(match?.[3]);
  if (match === null || !(percent > 0 && percent <= 100))
    throw new DroverError({
      code: 'usage',
      message: `--until ${JSON.stringify(text)} is not understood`,
      fix: 'write "hit >= 98%" or "converged 95%"',
    });
  return {kind: match[1] === undefined ? 'converged' : 'hit', ratio: percent / 100};
}
