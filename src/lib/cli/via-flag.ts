import {Flags} from '@oclif/core';
import {DroverError} from '../errors/drover-error.js';
import type {App, Project, PushSettings} from '../inventory/app.js';

export const viaFlag = Flags.option({
  options: ['direct', 'relay', 'store'] as const,
  description: 'how the delta travels, whatever push.via of the app says',
  helpGroup: 'RUN',
})();

/** The app with another way to send; as it is where none was given. */
export function sendVia(app: App, via: PushSettings['via'] | undefined, {store}: Pick<Project, 'store'>): App {
  if (via === 'store' && typeof store === 'string') {
    throw new DroverError({
      code: 'usage',
      message: '--via store needs a bucket, and the store of this project is a directory',
      fix: 'name one in drover.yml, store: s3://bucket/prefix, or send directly',
    });
  }
  return via === undefined ? app : {...app, push: {...app.push, via}};
}
